"""Give the HSM the security domain that its custodians encrypted for it, and delete what they stored.

Neither of the operators' switches stops this: creation was stopped, if at all, before the HSM was made, and an upload
exports nothing. What is uploaded was opened by a quorum of custodians, and leaves no HSM.
"""

from activities.context import approved_plan_of, commit, release
from activities.restoring import (
    GoodBlob,
    RestoringHsm,
    find_restoring_hsm,
    is_taken_in,
    note_refusal,
    read_restore_blob,
    recorded_key_of,
    require_ours,
    require_same_key,
)
from clients import archive, managed_hsm, restores
from domain.errors import RefusedByAzure, ServiceError
from domain.outcomes import Outcome, Work, done
from domain.records import Plan, RestoredFrom
from domain.restores import refuse_blob


def upload_security_domain(work: Work) -> Outcome:
    """Upload the restore blob once, then delete it; a cancel is accepted until the HSM is asked.

    Killed anywhere it can run again: what the HSM has taken in is not uploaded again, and what is deleted is deleted.
    """
    plan = approved_plan_of(work, "restore")
    restoring = find_restoring_hsm(plan)
    if is_taken_in(plan.hsm):
        require_ours(restoring)
    else:
        _upload(work, plan, restoring)
    restores.delete_restore_blob(work.operation_id)
    return done(restored={"hsm": restoring.source.hsm, "sha256": restoring.source.receipt.sha256})


def _upload(work: Work, plan: Plan, restoring: RestoringHsm) -> None:
    key = recorded_key_of(plan)
    require_same_key(key, managed_hsm.fetch_transfer_key(plan.hsm))
    blob = read_restore_blob(plan, key)
    commit(work, "restore")
    _record(plan, restoring)
    try:
        managed_hsm.upload_security_domain(plan.hsm, blob.text)
    except RefusedByAzure as refusal:
        if refusal.detail.code == "azure_conflict" and is_taken_in(plan.hsm):
            # What a worker asked for that died since took effect meanwhile.
            return
        _take_back(work, restoring)
        if refusal.detail.code == "azure_refused":
            raise _refused(plan, blob) from None
        raise


def _record(plan: Plan, restoring: RestoringHsm) -> None:
    """Write down whose security domain the HSM has, before it may have it."""
    source = restoring.source
    restored = RestoredFrom(hsm=source.hsm, operation_id=plan.operation_id, sha256=source.receipt.sha256)
    archive.write_hsm_record(restoring.record.model_copy(update={"restored_from": restored}))


def _take_back(work: Work, restoring: RestoringHsm) -> None:
    """Have all as it was: the HSM said no, so it has what it had, unless it was asked before and did not answer."""
    before = restoring.record.restored_from
    archive.write_hsm_record(restoring.record)
    if before is None or before.operation_id != work.operation_id:
        release(work, "restore")


def _refused(plan: Plan, blob: GoodBlob) -> ServiceError:
    error = refuse_blob("restore_blob_refused", "The HSM refused the restore blob: it could not open it.")
    state = archive.find_restore_blob_state(plan.operation_id)
    note_refusal(plan, state, blob.etag, error.detail)
    return error
