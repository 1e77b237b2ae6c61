"""The whole story of an adoption: an HSM that this service did not make becomes a team's."""

from collections.abc import Generator
from typing import Any

from durabletask.task import OrchestrationContext

from orchestrations.registration import blueprint
from orchestrations.story import StepFailed, Story


@blueprint.orchestration_trigger(context_name="ctx")
def hsm_adoption(ctx: OrchestrationContext, operation_id: str) -> Generator[Any, Any, str]:
    """Take one HSM over; the operation's claim says which."""
    story = Story(ctx, operation_id, "adopt")
    try:
        pinned = yield from story.step("preflight_adoption")
        yield from story.await_approval(pinned)
        story.end_within(pinned["deadlineSeconds"])
        adopted = yield from story.step("adopt_hsm")
        story.succeed(adopted)
    except StepFailed as failure:
        if failure.code == "not_claimed":
            return "not_claimed"
        story.fail(failure)
    yield from story.record()
    return story.status
