"""Asks an activity again after a while where that may help: what no operation's story tells of."""

from collections.abc import Generator
from datetime import timedelta
from typing import Any, Final

from durabletask.task import OrchestrationContext, TaskFailedError

from orchestrations.story import UNEXPECTED, unexpected_failure

PAUSES: Final = (5, 30, 120, 600)
"""The seconds between tries of what may succeed later, at least."""


def ask(ctx: OrchestrationContext, name: str, given: dict[str, Any]) -> Generator[Any, Any, dict[str, Any]]:
    """Run an activity, again after a while where that may help, and give its outcome: also that it is to be awaited."""
    for pause in (*PAUSES, None):
        try:
            outcome: dict[str, Any] = yield ctx.call_activity(name, input=given, retry_policy=UNEXPECTED)
        except TaskFailedError:
            return unexpected_failure(name)
        if outcome["status"] != "failed" or not outcome["error"].get("retryable") or pause is None:
            break
        yield ctx.create_timer(timedelta(seconds=max(pause, outcome["error"].get("retryAfter") or 0)))
    return outcome


def await_done(
    ctx: OrchestrationContext, name: str, given: dict[str, Any], seconds: float, within: timedelta
) -> Generator[Any, Any, dict[str, Any]]:
    """Ask an activity until it has nothing to wait for, in a child, so that this history stays short."""
    poll = {
        "activity": name,
        "work": given,
        "seconds": seconds,
        "pause": seconds,
        "deadline": (ctx.current_utc_datetime + within).isoformat(),
    }
    try:
        answer = yield ctx.call_sub_orchestrator("outcome_polling", input=poll)
    except TaskFailedError:
        return unexpected_failure(name)
    outcome: dict[str, Any] = answer["outcome"]
    return outcome
