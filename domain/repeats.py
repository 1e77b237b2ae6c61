"""A request that may be sent again: what is kept of it under its Idempotency-Key, and what that means for the next.

As draft-ietf-httpapi-idempotency-key-header has it: the same request again gets the answer of the first, another one
under the same key is refused (422), and one that comes while the first is carried out is told so (409). Only what was
carried out is kept. A refusal changed nothing: it does not use the key up, so that it can be sent again, corrected or
at a better time, as Stripe's API does it too. After a failure (5xx) or 429 the same request is carried out again.
"""

import hashlib
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from pydantic import AwareDatetime

from domain.caller import Caller
from domain.errors import service_error
from domain.model import Model

PATIENCE: Final = timedelta(minutes=1)


class KeptAnswer(Model):
    """What the first request was answered."""

    status: int
    headers: dict[str, str]
    document: dict[str, Any]


class Repeat(Model):
    """What is kept under a key.

    `fingerprint` is of the request that it is bound to; None after a refusal, which binds it to none. `begun_at` is
    when a request began to be carried out; None where none is.
    """

    fingerprint: str | None = None
    begun_at: AwareDatetime | None = None
    answer: KeptAnswer | None = None


def key_path(caller: Caller, teams: Collection[str], key: str) -> str:
    """Name what is kept by a hash: a key is the caller's own text, and each caller has its own keys.

    With other roles or teams it is another caller: what it was answered before may not be for it any more.
    """
    rights = [caller.tenant_id, caller.object_id, *sorted(caller.roles), *sorted(teams)]
    return hashlib.sha256("|".join([*rights, key]).encode()).hexdigest()


def fingerprint_of(method: str, path: str, body: bytes) -> str:
    """Tell one request from another."""
    return hashlib.sha256(f"{method} {path}\n{hashlib.sha256(body).hexdigest()}".encode()).hexdigest()


def judge(kept: Repeat, fingerprint: str, now: datetime) -> Literal["replay", "carry out"]:
    """Say what is to be done with a request whose key is known; operations may be carried out again.

    Raises ServiceError `idempotency_key_reused`, `request_in_progress`.
    """
    if kept.fingerprint not in (None, fingerprint):
        raise service_error(
            "idempotency_key_reused",
            "This Idempotency-Key was used for another request.",
            advice="Use a new key for a new request.",
        )
    if kept.answer is not None:
        return "replay"
    if kept.begun_at is not None and now - kept.begun_at < PATIENCE:
        raise in_progress()
    return "carry out"


def in_progress() -> Exception:
    """Make the error of a request that comes while the first with its key is carried out."""
    return service_error(
        "request_in_progress",
        "The first request with this Idempotency-Key is being carried out.",
        advice="Send the same request again in some seconds.",
        retryable=True,
        retry_after=5,
    )
