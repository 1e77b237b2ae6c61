"""The whole story of an update: what Azure changes of an HSM in place."""

from collections.abc import Generator
from typing import Any

from durabletask.task import OrchestrationContext

from orchestrations.registration import blueprint
from orchestrations.story import StepFailed, Story


@blueprint.orchestration_trigger(context_name="ctx")
def hsm_update(ctx: OrchestrationContext, operation_id: str) -> Generator[Any, Any, str]:
    """Change one HSM; the operation's claim says what was asked for."""
    story = Story(ctx, operation_id, "update")
    try:
        pinned = yield from story.step("preflight_update")
        yield from story.await_approval(pinned)
        story.end_within(pinned["deadlineSeconds"])
        yield from story.step("update_hsm")
        updated = yield from story.step("await_updated")
        story.succeed(updated)
    except StepFailed as failure:
        if failure.code == "not_claimed":
            return "not_claimed"
        story.fail(failure)
    yield from story.record()
    return story.status
