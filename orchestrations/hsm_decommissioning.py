"""The whole story of a decommission: an HSM is deleted, and where that was asked, backed up before and purged."""

from collections.abc import Generator
from typing import Any, Final

from durabletask.task import OrchestrationContext

from orchestrations.registration import blueprint
from orchestrations.story import StepFailed, Story

BACKING_UP: Final = ("attach_backup_identity", "await_backup_identity", "back_up", "await_backed_up")
"""The steps of a full backup before the deletion."""
DISCONNECTING: Final = ("delete_private_endpoints", "await_private_endpoints_deleted")
"""The steps of an HSM for which the service made private endpoints."""
LEAVING_REGIONS: Final = ("remove_regions", "await_regions_removed")
"""The steps of an HSM that has an additional region: Azure deletes it only without."""


@blueprint.orchestration_trigger(context_name="ctx")
def hsm_decommissioning(ctx: OrchestrationContext, operation_id: str) -> Generator[Any, Any, str]:
    """Delete one HSM; the operation's claim says which, and whether it is backed up before, and purged.

    What is stored of it stays.
    """
    story = Story(ctx, operation_id, "decommission")
    try:
        pinned = yield from story.step("preflight_decommission")
        yield from story.await_approval(pinned)
        story.end_within(pinned["deadlineSeconds"])
        yield from _take(story, BACKING_UP, wanted="backsUp" in pinned)
        yield from _take(story, LEAVING_REGIONS, wanted="remove_regions" in pinned.get("wants", ()))
        yield from _take(story, ("unlock_hsm",), wanted="unlocks" in pinned)
        yield from story.step("delete_hsm")
        ended = yield from story.step("await_deleted")
        if pinned["purges"]:
            ended = yield from _purge(story)
        else:
            for name in ("purge_hsm", "await_purged"):
                story.skip(name)
        # Before the resource group, which they are in; what costs money first.
        yield from _take(story, DISCONNECTING, wanted="hasPrivateEndpoints" in pinned)
        yield from _take(story, ("delete_alerts",), wanted="hasAlerts" in pinned)
        yield from _take(story, ("delete_resource_group",), wanted=pinned["purges"] or "isPurged" in pinned)
        story.succeed({**pinned["hsm"], "decommissioned": ended["decommissioned"]})
    except StepFailed as failure:
        if failure.code == "not_claimed":
            return "not_claimed"
        story.fail(failure)
    yield from story.record()
    return story.status


def _take(story: Story, names: tuple[str, ...], *, wanted: bool) -> Generator[Any, Any]:
    """Take steps that not every deletion has; one that failed the next request takes again."""
    for name in names:
        if wanted:
            yield from story.step(name)
        else:
            story.skip(name)


def _purge(story: Story) -> Generator[Any, Any, dict[str, Any]]:
    """Ask Azure for the purge until it happened: an answer that promises it may lead to nothing."""
    while True:
        yield from story.step("purge_hsm")
        looked: dict[str, Any] = yield from story.step("await_purged")
        if looked["purged"]:
            return looked
