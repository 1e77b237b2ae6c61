"""Every HSM of many subscriptions at once, as far as Azure answers: for lists, which may be some seconds old.

Whatever decides something (a name, a limit, a quota, a state) asks Azure itself.
"""

import time
from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from threading import Lock
from typing import Final, NamedTuple

from clients import resource_manager
from domain.errors import ServiceError
from domain.hsm import Hsm

AT_ONCE: Final = 8
PATIENCE_SECONDS: Final = 15.0
KEPT_SECONDS: Final = 3.0


class _Reading(NamedTuple):
    """A reading of one subscription, under way or done, and when it was asked for; None is no answer."""

    asked_at: float
    answer: Future[list[Hsm] | None]


# The process's, however many lists are read at once: Azure throttles whoever asks for the same again and again.
_pool: Final = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="list-hsms")
_readings: Final[dict[str, _Reading]] = {}
_lock: Final = Lock()


def list_hsms_of(subscription_ids: Collection[str]) -> dict[str, list[Hsm]]:
    """List the HSMs of each subscription; one that Azure did not answer for, or not in time, is missing.

    Whoever asks while a subscription is being read, or was asked for less than `KEPT_SECONDS` ago, shares that answer.
    """
    asked = {subscription_id: _read(subscription_id) for subscription_id in subscription_ids}
    wait(asked.values(), timeout=PATIENCE_SECONDS)
    answers = {subscription_id: answer.result() for subscription_id, answer in asked.items() if answer.done()}
    return {subscription_id: hsms for subscription_id, hsms in answers.items() if hsms is not None}


def _read(subscription_id: str) -> Future[list[Hsm] | None]:
    """Give the reading that is under way or young enough, or begin one."""
    with _lock:
        now = time.monotonic()
        known = _readings.get(subscription_id)
        if known is not None and (now - known.asked_at < KEPT_SECONDS or not known.answer.done()):
            return known.answer
        # A thread knows nothing of the trace that is carried here.
        answer = _pool.submit(copy_context().run, _list, subscription_id)
        _readings[subscription_id] = _Reading(now, answer)
        return answer


def _list(subscription_id: str) -> list[Hsm] | None:
    try:
        return resource_manager.list_hsms(subscription_id)
    except (ServiceError, ValueError):
        # No answer, or one that describes an HSM without its name.
        return None
