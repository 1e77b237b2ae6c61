"""The whole story of a restore: a new HSM that is given the security domain of another one."""

from collections.abc import Collection, Generator
from typing import Any

from durabletask.task import OrchestrationContext

from domain.restore_rules import BLOB_REFUSALS, MAXIMUM_ROUNDS
from orchestrations.extending import extend_to_regions
from orchestrations.handing_over import (
    close,
    close_after_failure,
    connect,
    connect_again,
    give_up,
    give_up_what_was_granted,
)
from orchestrations.registration import blueprint
from orchestrations.story import StepFailed, Story


@blueprint.orchestration_trigger(context_name="ctx")
def hsm_restore(ctx: OrchestrationContext, operation_id: str) -> Generator[Any, Any, str]:
    """Restore one security domain into one HSM; the operation's claim says which."""
    story = Story(ctx, operation_id, "restore")
    pinned: dict[str, Any] = {}
    connects: Collection[str] = ()
    try:
        pinned = yield from story.step("preflight_restore")
        connects = pinned.get("connects", ())
        yield from story.await_approval(pinned)
        story.end_within(pinned["deadlineSeconds"])
        yield from story.step("create_resource_group")
        yield from story.step("provision_hsm")
        ready = yield from story.step("await_ready")
        opened = yield from connect(story, connects)
        key = yield from story.step("fetch_transfer_key")
        if key["uploaded"]:
            story.skip("await_restore_blob")
            story.skip("upload_security_domain")
        else:
            yield from _upload_what_custodians_store(story, pinned, key["blobAwaitedUntil"], opened=opened)
        yield from story.step("await_restored")
        restored = yield from story.step("verify_restored")
        backup = yield from _restore_backup(story, wanted="restoresBackup" in pinned)
        yield from extend_to_regions(story, pinned)
        yield from give_up(story, pinned.get("wants", ()))
        yield from close(story, connects)
        story.succeed({**ready, **restored, **backup})
    except StepFailed as failure:
        if failure.code == "not_claimed":
            return "not_claimed"
        yield from give_up_what_was_granted(story, pinned)
        yield from close_after_failure(story, connects)
        story.fail(failure)
    yield from story.record()
    return story.status


def _upload_what_custodians_store(
    story: Story, pinned: dict[str, Any], until: str, *, opened: bool
) -> Generator[Any, Any]:
    """Wait for a restore blob and upload it; after one that was refused after all, wait for another.

    An HSM that is `opened` is closed meanwhile: custodians may take weeks.
    """
    connects = pinned.get("connects", ())
    for number in range(1, MAXIMUM_ROUNDS + 1):
        if opened:
            yield from close(story, connects)
        yield from story.await_restore_blob(until, number)
        story.end_within(pinned["deadlineSeconds"])
        opened = yield from connect_again(story, connects, number, opened=opened)
        try:
            yield from story.step("upload_security_domain")
        except StepFailed as failure:
            if failure.code not in BLOB_REFUSALS or number == MAXIMUM_ROUNDS:
                raise
            story.set_back("upload_security_domain")
        else:
            return


def _restore_backup(story: Story, *, wanted: bool) -> Generator[Any, Any, dict[str, Any]]:
    """Bring the keys back where that is wanted, after the full backup of the new HSM that Azure wants first."""
    if not wanted:
        for name in ("back_up_hsm", "await_backup", "restore_backup", "await_backup_restored"):
            story.skip(name)
        return {}
    begun = yield from story.step("back_up_hsm")
    if begun["asked"]:
        story.skip("await_backup")
        story.skip("restore_backup")
    else:
        yield from story.step("await_backup")
        yield from story.step("restore_backup")
    restored = yield from story.step("await_backup_restored")
    return restored
