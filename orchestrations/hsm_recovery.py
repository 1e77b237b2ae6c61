"""The whole story of a recovery: a deleted HSM is there again, with all that it holds."""

from collections.abc import Generator
from typing import Any

from durabletask.task import OrchestrationContext

from orchestrations.registration import blueprint
from orchestrations.story import StepFailed, Story


@blueprint.orchestration_trigger(context_name="ctx")
def hsm_recovery(ctx: OrchestrationContext, operation_id: str) -> Generator[Any, Any, str]:
    """Recover one HSM; the operation's claim says which."""
    story = Story(ctx, operation_id, "recover")
    try:
        pinned = yield from story.step("preflight_recover")
        yield from story.await_approval(pinned)
        story.end_within(pinned["deadlineSeconds"])
        yield from story.step("create_resource_group")
        yield from story.step("recover_hsm")
        yield from story.step("await_recovered")
        story.succeed(pinned["hsm"])
    except StepFailed as failure:
        if failure.code == "not_claimed":
            return "not_claimed"
        story.fail(failure)
    yield from story.record()
    return story.status
