"""Every HSM of many subscriptions at once, as far as Azure answers."""

from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import Final

from clients import resource_manager
from domain.errors import ServiceError
from domain.hsm import Hsm

AT_ONCE: Final = 8
PATIENCE_SECONDS: Final = 15.0


def list_hsms_of(subscription_ids: Collection[str]) -> dict[str, list[Hsm]]:
    """List the HSMs of each subscription; one that Azure did not answer for, or not in time, is missing."""
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        asked = {
            # A thread knows nothing of the trace that is carried here.
            subscription_id: pool.submit(copy_context().run, resource_manager.list_hsms, subscription_id)
            for subscription_id in subscription_ids
        }
        wait(asked.values(), timeout=PATIENCE_SECONDS)
        answers = {subscription_id: _answer(future) for subscription_id, future in asked.items()}
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return {subscription_id: hsms for subscription_id, hsms in answers.items() if hsms is not None}


def _answer(future: Future[list[Hsm]]) -> list[Hsm] | None:
    try:
        return future.result() if future.done() else None
    except (ServiceError, ValueError):
        # No answer, or one that describes an HSM without its name.
        return None
