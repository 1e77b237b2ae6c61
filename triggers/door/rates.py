"""How often one caller may ask for changes: a bucket of tokens for each, in each process of the app."""

import math
import time
from dataclasses import dataclass
from threading import Lock
from typing import Final

from domain.caller import Caller
from domain.errors import service_error
from domain.policy_rules import Grant

MAXIMUM_CALLERS: Final = 10_000


@dataclass
class _Bucket:
    tokens: float
    filled_at: float


_buckets: dict[tuple[str, str], _Bucket] = {}
_lock = Lock()


def require_patience(caller: Caller, grant: Grant) -> None:
    """Count a request of a caller; raises ServiceError `too_many_requests` that says how many seconds to wait."""
    with _lock:
        wait = _take((caller.tenant_id, caller.object_id), grant.requests_per_minute, time.monotonic())
    if wait > 0:
        raise service_error(
            "too_many_requests",
            f"The policy allows this caller {grant.requests_per_minute} changing requests a minute.",
            advice="Wait as Retry-After says. To follow an operation, read it: reading is not limited.",
            retryable=True,
            retry_after=math.ceil(wait),
        )


def _take(key: tuple[str, str], per_minute: int, now: float) -> float:
    """Take a token and give 0, or give the seconds until there is one."""
    if len(_buckets) >= MAXIMUM_CALLERS:
        # Whoever is forgotten starts with a full bucket; a full bucket is as good as none.
        _buckets.clear()
    bucket = _buckets.setdefault(key, _Bucket(per_minute, now))
    bucket.tokens = min(per_minute, bucket.tokens + (now - bucket.filled_at) * per_minute / 60)
    bucket.filled_at = now
    if bucket.tokens >= 1:
        bucket.tokens -= 1
        return 0
    return (1 - bucket.tokens) * 60 / per_minute
