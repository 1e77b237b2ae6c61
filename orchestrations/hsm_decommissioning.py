"""The whole story of a decommission: an HSM is deleted, and where that was asked and approved, purged."""

from collections.abc import Generator
from typing import Any

from durabletask.task import OrchestrationContext

from orchestrations.registration import blueprint
from orchestrations.story import StepFailed, Story


@blueprint.orchestration_trigger(context_name="ctx")
def hsm_decommissioning(ctx: OrchestrationContext, operation_id: str) -> Generator[Any, Any, str]:
    """Delete one HSM; the operation's claim says which, and whether it is purged. What is stored of it stays."""
    story = Story(ctx, operation_id, "decommission")
    try:
        pinned = yield from story.step("preflight_decommission")
        yield from story.await_approval(pinned)
        story.end_within(pinned["deadlineSeconds"])
        yield from story.step("delete_hsm")
        ended = yield from story.step("await_deleted")
        if pinned["purges"]:
            ended = yield from _purge(story)
            yield from story.step("delete_resource_group")
        else:
            for name in ("purge_hsm", "await_purged", "delete_resource_group"):
                story.skip(name)
        story.succeed({**pinned["hsm"], "decommissioned": ended["decommissioned"]})
    except StepFailed as failure:
        if failure.code == "not_claimed":
            return "not_claimed"
        story.fail(failure)
    yield from story.record()
    return story.status


def _purge(story: Story) -> Generator[Any, Any, dict[str, Any]]:
    """Ask Azure for the purge until it happened: an answer that promises it may lead to nothing."""
    while True:
        yield from story.step("purge_hsm")
        looked: dict[str, Any] = yield from story.step("await_purged")
        if looked["purged"]:
            return looked
