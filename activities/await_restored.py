"""Ask once whether the HSM has taken the security domain in and is active; the orchestrator waits."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from activities.context import approved_plan_of, now
from activities.restoring import find_restoring_hsm
from activities.uploads import list_ours, restored_by_others, upload_unconfirmed
from clients import managed_hsm
from clients.managed_hsm import DomainStatus
from clients.upload_journal import note_upload
from domain.errors import service_error
from domain.outcomes import Outcome, Work, done, wait
from domain.settings import settings
from domain.uploads import Upload, judge_holder

# An upload that the HSM said it takes in may not show at once, and the end of one before it may show until then.
APPEARS_WITHIN: Final = timedelta(minutes=5)


def await_restored(work: Work) -> Outcome:
    """Read how the upload went: done when it ended with success, ARM calls the HSM active, and the upload was ours.

    Changes nothing but the journal of uploads, where it is written once that one failed.
    """
    plan = approved_plan_of(work, "restore")
    restoring = find_restoring_hsm(plan)
    status = managed_hsm.find_upload_status(plan.hsm)
    uploads = list_ours(plan, restoring)
    if status in ("Failed", "None"):
        if _may_be_of_before(status, uploads):
            return wait(settings().poll_seconds)
        if restoring.hsm.active:
            raise upload_unconfirmed()
        for upload in uploads:
            if upload.answered and status == "Failed":
                note_upload(plan.hsm, upload, "failed", now())
        raise service_error(
            "restore_failed",
            "The HSM did not take the security domain in.",
            advice="The HSM exists and is billed. Send the request again, and have another restore blob made.",
        )
    holder = judge_holder(uploads, restoring.source, plan.confirmed_uploads)
    if holder == "others":
        raise restored_by_others()
    if status != "Success" or not restoring.hsm.active:
        return wait(settings().poll_seconds)
    # By now an execution that lives has its answer, and has written it down.
    if holder != "us":
        raise upload_unconfirmed()
    return done()


def _may_be_of_before(status: DomainStatus, uploads: Sequence[Upload]) -> bool:
    """Say whether a status may be of the time before the newest upload that the HSM may have."""
    newest = next((upload for upload in reversed(uploads) if upload.may_be_held), None)
    if newest is None or now() - newest.entry.at > APPEARS_WITHIN:
        return False
    return status == "None" or any(upload.failed for upload in uploads)
