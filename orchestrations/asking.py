"""Asks an activity again after a while where that may help: what no operation's story tells of."""

from collections.abc import Generator
from datetime import timedelta
from typing import Any, Final

from durabletask.task import OrchestrationContext, TaskFailedError

from orchestrations.story import UNEXPECTED, unexpected_failure

PAUSES: Final = (5, 30, 120, 600)
"""The seconds between tries."""


def ask(ctx: OrchestrationContext, name: str, given: dict[str, Any]) -> Generator[Any, Any, dict[str, Any]]:
    """Run an activity, again after a while where that may help, and give its outcome."""
    for pause in (*PAUSES, None):
        try:
            outcome: dict[str, Any] = yield ctx.call_activity(name, input=given, retry_policy=UNEXPECTED)
        except TaskFailedError:
            outcome = unexpected_failure(name)
        if outcome["status"] == "done" or not outcome["error"].get("retryable") or pause is None:
            break
        yield ctx.create_timer(timedelta(seconds=pause))
    return outcome
