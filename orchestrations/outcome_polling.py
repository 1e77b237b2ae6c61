"""Asks an activity again and again, on durable timers, until it is done or failed or the deadline has come."""

from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any, Final

from durabletask.task import OrchestrationContext, TaskFailedError

from orchestrations.registration import blueprint
from orchestrations.story import MAXIMUM_TRIES, UNEXPECTED, too_late, unexpected_failure

GROWTH: Final = 1.3
SLOWEST: Final = 4
# They look at Azure and change nothing there, and what they write to our own records is of an approved plan, or of a
# backup that is recorded as running: so whoever starts this with any input can have done no more than the story would.
# What acts is asked by the story itself.
POLLED: Final = frozenset(
    {
        *("await_ready", "await_activation", "await_updated", "await_restored"),
        *("await_backup", "await_backup_restored", "await_deleted", "await_purged"),
        *("await_registered", "await_recovered", "await_looks", "await_backup_identity", "await_backed_up"),
        *("await_backup_turn", "await_scheduled_backup", "await_private_endpoints"),
        "await_private_endpoints_deleted",
        *("await_regions", "await_regions_removed", "await_key_access", "reach_data_plane"),
    }
)


@blueprint.orchestration_trigger(context_name="ctx")
def outcome_polling(ctx: OrchestrationContext, poll: dict[str, Any]) -> Generator[Any, Any, dict[str, Any] | None]:
    """Wait, ask once, and continue as new: each generation's history has one timer and one activity.

    The pauses grow from what the activity asked for to four times that. Gives `{"outcome", "asked"}`.
    """
    if poll["activity"] not in POLLED:
        # Not by us: whoever holds the host's keys can start this with any input.
        return {"outcome": unexpected_failure("outcome_polling"), "asked": 0}
    yield ctx.create_timer(timedelta(seconds=poll["pause"]))
    asked = poll.get("asked", 0) + 1
    try:
        outcome = yield ctx.call_activity(poll["activity"], input=poll["work"], retry_policy=UNEXPECTED)
    except TaskFailedError:
        return {"outcome": unexpected_failure(poll["activity"]), "asked": asked}
    failures = poll.get("failures", 0) + 1 if outcome["status"] == "failed" else 0
    transient = failures and outcome["error"].get("retryable") and failures < MAXIMUM_TRIES
    if outcome["status"] != "wait" and not transient:
        return {"outcome": outcome, "asked": asked}
    if ctx.current_utc_datetime >= datetime.fromisoformat(poll["deadline"]):
        return {"outcome": too_late(poll["activity"]), "asked": asked}
    seconds = outcome.get("seconds") or outcome.get("error", {}).get("retryAfter") or poll["seconds"]
    pause = max(seconds, min(poll["pause"] * GROWTH, seconds * SLOWEST))
    ctx.continue_as_new({**poll, "seconds": seconds, "pause": pause, "failures": failures, "asked": asked})
    return None
