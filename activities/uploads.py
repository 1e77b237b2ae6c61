"""Whose security domain an HSM has taken in, and what is written before it is asked to take in ours.

Why in this order, and what comes of each crash and each interleaving: docs/decisions/0006.
"""

from datetime import timedelta
from typing import Final

from activities.context import commit, hold, now, release
from activities.restoring import RestoringHsm, find_restoring_hsm
from clients import archive, managed_hsm
from clients.upload_journal import begin_upload, list_uploads, note_upload
from domain.errors import ServiceError, service_error
from domain.outcomes import Work
from domain.records import Plan, RestoredFrom, UploadEntry
from domain.uploads import Holder, Upload, judge_holder

# A request is given up after 70 s (`clients/transport.py`), and no HSM was seen to act on one that much later.
LOST_AFTER: Final = timedelta(minutes=10)


def find_holder(plan: Plan, restoring: RestoringHsm) -> Holder:
    """Say whose upload the HSM has taken in, or takes in now; raises ServiceError `restored_by_others`."""
    if not _has_any(plan, restoring):
        return "nobody"
    # Listed after the HSM was asked: whatever of ours it may have was written down before that.
    holder = judge_holder(list_ours(plan, restoring), restoring.source, plan.confirmed_uploads)
    if holder == "others":
        raise restored_by_others()
    return holder


def list_ours(plan: Plan, restoring: RestoringHsm) -> list[Upload]:
    """List what this service asked the HSM to take in, the oldest first."""
    return list_uploads(plan.hsm, restoring.hsm.made_at)


def begin_ours(work: Work, plan: Plan, restoring: RestoringHsm) -> Upload:
    """Write down that the HSM is about to be asked: in the journal, then in the claim, then in its record.

    Raises ServiceError `operation_canceled`, `record_changed`: it is not asked then.
    """
    source = restoring.source
    entry = UploadEntry(
        operation_id=work.operation_id,
        source=source.hsm,
        sha256=source.receipt.sha256,
        hsm_made_at=restoring.hsm.made_at,
        at=now(),
    )
    upload = begin_upload(plan.hsm, entry)
    try:
        commit(work, "restore", anew=True)
        _mark(plan, entry)
    except ServiceError:
        note_upload(plan.hsm, upload, "refused", now())
        raise
    return upload


def _mark(plan: Plan, entry: UploadEntry) -> None:
    """Record whose security domain the HSM may have; written also where it says so, so that no `_unmark` succeeds."""
    held = archive.find_held_hsm_record(plan.hsm)
    restored = RestoredFrom(hsm=entry.source, operation_id=entry.operation_id, sha256=entry.sha256)
    if held is None or not archive.replace_hsm_record(
        held.record.model_copy(update={"restored_from": restored}), held.etag
    ):
        raise service_error(
            "record_changed", "The HSM's record was changed meanwhile.", advice="It is tried again.", retryable=True
        )


def settle_uploads(work: Work, plan: Plan) -> None:
    """Take back what was written before the HSM was asked, where the journal shows that it has nothing of ours.

    Whichever execution wrote it: one that was killed cannot. Claim and record are read before the journal, and replaced
    under the ETags that they had: whoever begins an upload meanwhile writes the journal first, and then both.
    """
    held = hold(work, "restore")
    if held.claim.committed_at is None:
        return
    restoring = find_restoring_hsm(plan)
    record = archive.find_held_hsm_record(plan.hsm)
    uploads = give_up_lost(plan, restoring)
    if record is not None and not any(upload.may_be_held or upload.failed for upload in uploads):
        archive.replace_hsm_record(record.record.model_copy(update={"restored_from": None}), record.etag)
    if not any(upload.may_be_held and upload.entry.operation_id == work.operation_id for upload in uploads):
        release(held)


def give_up_lost(plan: Plan, restoring: RestoringHsm) -> list[Upload]:
    """List what the HSM was asked to take in; what it never answered and has not taken in long after had no effect."""
    uploads = list_ours(plan, restoring)
    late = {upload.number for upload in uploads if upload.unanswered and now() - upload.entry.at > LOST_AFTER}
    if not late or _has_any(plan, restoring):
        return uploads
    given_up = [upload._replace(lost=upload.lost or upload.number in late) for upload in uploads]
    for upload in given_up:
        if upload.number in late:
            note_upload(plan.hsm, upload, "lost", now())
    return given_up


def _has_any(plan: Plan, restoring: RestoringHsm) -> bool:
    """Say whether the HSM has a security domain by now, or takes one in, whosesoever."""
    return restoring.hsm.active or managed_hsm.find_upload_status(plan.hsm) in ("InProgress", "Success")


def restored_by_others() -> ServiceError:
    """Make the error of an HSM that has what this service did not upload."""
    return service_error(
        "restored_by_others",
        "Somebody else gave the HSM a security domain, and nobody knows which.",
        advice="Do not use this HSM for what was to be restored, and restore into another one. Before anybody "
        "deletes it, find out who uploaded what: it may be what you look for.",
    )


def upload_unconfirmed() -> ServiceError:
    """Make the error of an HSM that has what this service uploaded, or what somebody else did."""
    return service_error(
        "upload_unconfirmed",
        "The HSM has a security domain, and nobody knows whether it is the one that this service uploaded: the HSM's "
        "answer never came.",
        advice="Find out from the HSM's audit log who uploaded it. If it was this service, send the request again: "
        "whoever approves it confirms that, and it is gone on with. If not, or if nobody can tell, restore into "
        "another HSM, and do not delete this one before you know what it has.",
    )
