"""Waits until the plan of an operation was decided on: for days, with a history that stays short."""

from collections.abc import Generator
from datetime import timedelta
from typing import Any, Final

from durabletask.task import OrchestrationContext, TaskFailedError, when_any

from domain.names import DECIDED
from orchestrations.registration import blueprint
from orchestrations.story import UNEXPECTED, unexpected_failure

FIRST_PAUSE: Final = timedelta(minutes=1).total_seconds()
LONGEST_PAUSE: Final = timedelta(hours=6).total_seconds()


@blueprint.orchestration_trigger(context_name="ctx")
def approval_waiting(ctx: OrchestrationContext, waiting: dict[str, Any]) -> Generator[Any, Any, dict[str, Any] | None]:
    """Look, sleep until the event or a timer, and continue as new; gives `{"outcome", "asked"}`.

    The event only has it look again: what counts is stored. The timer finds a decision whose event was lost.
    """
    # The clock is the engine's, whatever the input says: whoever holds the host's keys can start this.
    work = {**waiting["work"], "progress": {"now": f"{ctx.current_utc_datetime.isoformat().partition('+')[0]}Z"}}
    asked = waiting.get("asked", 0) + 1
    try:
        outcome = yield ctx.call_activity("await_approval", input=work, retry_policy=UNEXPECTED)
    except TaskFailedError:
        return {"outcome": unexpected_failure("await_approval"), "asked": asked}
    if outcome["status"] != "wait" and not outcome.get("error", {}).get("retryable"):
        return {"outcome": outcome, "asked": asked}
    pause = waiting.get("pause", FIRST_PAUSE)
    # While Azure does not answer nobody knows what is left.
    left = outcome["seconds"] if outcome["status"] == "wait" else pause
    decided = ctx.wait_for_external_event(DECIDED)
    timer = ctx.create_timer(timedelta(seconds=min(pause, left)))
    woken = yield when_any([decided, timer])
    if woken is timer:
        pause = min(pause * 2, LONGEST_PAUSE)
    else:
        timer.cancel()
    # Events that came meanwhile are not kept: what they tell of was stored before, and is looked at next.
    ctx.continue_as_new({"work": waiting["work"], "asked": asked, "pause": pause}, save_events=False)
    return None
