"""Waits for what people do: for days or weeks, with a history that stays short."""

from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any, Final

from durabletask.task import OrchestrationContext, TaskFailedError, when_any

from orchestrations.story import UNEXPECTED, unexpected_failure

FIRST_PAUSE: Final = timedelta(minutes=1).total_seconds()
_DAY: Final = timedelta(days=1)


def wait_for_people(
    ctx: OrchestrationContext, waiting: dict[str, Any], *, activity: str, event: str, longest_pause: float
) -> Generator[Any, Any, dict[str, Any] | None]:
    """Look, sleep until the event or a timer, and continue as new; gives `{"outcome", "asked"}`.

    The event only has it look again: what counts is stored. The timer finds what was stored when the event was lost.
    Where `began` is given, the activity is told once for each day that has passed since, to remind people.
    """
    days = _days_since(waiting.get("began"), ctx.current_utc_datetime)
    # The clock is the engine's, whatever the input says: whoever holds the host's keys can start this.
    progress = {
        "now": f"{ctx.current_utc_datetime.isoformat().partition('+')[0]}Z",
        "remind": days > waiting.get("days", 0),
    }
    asked = waiting.get("asked", 0) + 1
    try:
        work = {**waiting["work"], "progress": progress}
        outcome = yield ctx.call_activity(activity, input=work, retry_policy=UNEXPECTED)
    except TaskFailedError:
        return {"outcome": unexpected_failure(activity), "asked": asked}
    if outcome["status"] != "wait" and not outcome.get("error", {}).get("retryable"):
        return {"outcome": outcome, "asked": asked}
    pause = waiting.get("pause", FIRST_PAUSE)
    # While Azure does not answer nobody knows what is left.
    left = outcome["seconds"] if outcome["status"] == "wait" else pause
    happened = ctx.wait_for_external_event(event)
    timer = ctx.create_timer(timedelta(seconds=min(pause, left)))
    woken = yield when_any([happened, timer])
    if woken is timer:
        pause = min(pause * 2, longest_pause)
    else:
        timer.cancel()
    # Events that came meanwhile are not kept: what they tell of was stored before, and is looked at next.
    ctx.continue_as_new({**waiting, "asked": asked, "pause": pause, "days": days}, save_events=False)
    return None


def _days_since(began: str | None, now: datetime) -> int:
    return (now - datetime.fromisoformat(began)) // _DAY if began else 0
