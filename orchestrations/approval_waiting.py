"""Waits until the plan of an operation was decided on."""

from collections.abc import Generator
from datetime import timedelta
from typing import Any, Final

from durabletask.task import OrchestrationContext

from domain.names import DECIDED
from orchestrations.registration import blueprint
from orchestrations.waiting import wait_for_people

LONGEST_PAUSE: Final = timedelta(hours=6).total_seconds()


@blueprint.orchestration_trigger(context_name="ctx")
def approval_waiting(ctx: OrchestrationContext, waiting: dict[str, Any]) -> Generator[Any, Any, dict[str, Any] | None]:
    """Wait for a decision, or for the end of the time to decide; gives `{"outcome", "asked"}`."""
    answer = yield from wait_for_people(
        ctx, waiting, activity="await_approval", event=DECIDED, longest_pause=LONGEST_PAUSE
    )
    return answer
