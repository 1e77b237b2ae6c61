"""Give the HSM the security domain that its custodians encrypted for it.

Neither of the operators' switches stops this: creation was stopped, if at all, before the HSM was made, and an upload
exports nothing. What is uploaded was opened by a quorum of custodians, and leaves no HSM.

Each time that the HSM is asked is written down before, and what it answered after (`clients/upload_journal.py`). That
alone says whether what it has is ours. So whoever is killed, or runs twice, or comes between is told apart, as far as
anybody can: docs/decisions/0006 has each case.
"""

from activities.context import approved_plan_of, now
from activities.restoring import (
    GoodBlob,
    RestoringHsm,
    find_restoring_hsm,
    note_refusal,
    read_restore_blob,
    recorded_key_of,
    require_same_key,
)
from activities.uploads import begin_ours, find_holder, settle_uploads
from clients import archive, managed_hsm
from clients.upload_journal import note_upload
from domain.errors import RefusedByAzure, ServiceError
from domain.outcomes import Outcome, Work, done
from domain.records import Plan
from domain.restores import RecordedTransferKey, refuse_blob
from domain.uploads import Holder


def upload_security_domain(work: Work) -> Outcome:
    """Upload the restore blob, unless the HSM has a security domain by now; a cancel is accepted until it is asked.

    Killed anywhere it can run again. Where the HSM has one that may not be ours, the next step waits and says so.
    """
    plan = approved_plan_of(work, "restore")
    restoring = find_restoring_hsm(plan)
    holder = find_holder(plan, restoring)
    if holder == "nobody":
        holder = _upload(work, plan, restoring)
    if holder == "us":
        return done(restored={"hsm": restoring.source.hsm, "sha256": restoring.source.receipt.sha256})
    return done()


def _upload(work: Work, plan: Plan, restoring: RestoringHsm) -> Holder:
    key = recorded_key_of(plan)
    blob = read_restore_blob(plan, key)
    upload = begin_ours(work, plan, restoring)
    try:
        managed_hsm.upload_security_domain(plan.hsm, blob.text)
    except RefusedByAzure as refusal:
        note_upload(plan.hsm, upload, "refused", now())
        settle_uploads(work, plan)
        return _explain(refusal, plan, restoring, key, blob)
    note_upload(plan.hsm, upload, "answered", now())
    return "us"


def _explain(
    refusal: RefusedByAzure, plan: Plan, restoring: RestoringHsm, key: RecordedTransferKey, blob: GoodBlob
) -> Holder:
    """Say why the HSM refused: it has a security domain by now, or another transfer key, or cannot open the blob.

    Raises ServiceError `restored_by_others`, `transfer_key_changed`, `restore_blob_refused`, or the refusal itself.
    """
    code = refusal.detail.code
    if code == "azure_conflict":
        holder = find_holder(plan, restoring)
        if holder != "nobody":
            return holder
    if code in ("azure_conflict", "azure_refused"):
        # Nobody knows whether asking for the key changes it: so it is asked for only here, where the blob is lost.
        require_same_key(key, managed_hsm.fetch_transfer_key(plan.hsm))
    if code == "azure_refused":
        raise _refused(plan, blob)
    raise refusal


def _refused(plan: Plan, blob: GoodBlob) -> ServiceError:
    error = refuse_blob("restore_blob_refused", "The HSM refused the restore blob: it could not open it.")
    state = archive.find_restore_blob_state(plan.operation_id)
    note_refusal(plan, state, blob.etag, error.detail)
    return error
