"""Ask ARM to delete the HSM: it is kept for its retention, and billed."""

from activities.backing_up_first import made_backup_of
from activities.context import approved_plan_of, commit, now
from activities.decommissioning import (
    deletion_of,
    find_live_hsm,
    held_record_of,
    may_hold_keys,
    write_end,
)
from activities.deletability import require_deletable
from activities.judge_hsm import require_still_due
from clients import archive
from clients.archive import HeldHsmRecord
from clients.deletion import delete_hsm as ask_for_deletion
from domain.backups import FullBackup
from domain.decommissioning import Decommissioned
from domain.errors import RefusedByAzure
from domain.hsm import Hsm
from domain.outcomes import Outcome, Work, done
from domain.records import HsmRecord, Plan


def delete_hsm(work: Work) -> Outcome:
    """Record that the HSM is to be deleted, then ask for it; one that is being deleted, or is, is not asked for again.

    It is held against policy, holds, locks, switches and its use once more, for its approval may have taken weeks. One
    that is to be backed up before is not deleted without.
    """
    plan = approved_plan_of(work, "decommission", cancelable=True)
    held, backup = held_record_of(plan), made_backup_of(plan)
    hsm = find_live_hsm(held.record)
    # Idempotent: what is gone, or on its way, was deleted before, by an execution before this one or by somebody else.
    if deletion_of(plan).deletes and hsm is not None and hsm.provisioning_state != "Deleting":
        require_deletable(work, plan, held.record, hsm)
        commit(work, "decommission")
        if plan.origin == "schedule":
            require_still_due(held.record, purges=deletion_of(plan).purges)
        # After the commit: whoever puts it on hold from here on is told that it may be too late.
        archive.require_not_held(plan.hsm)
        _delete(plan, held, hsm, backup)
    return done(backup=backup.url) if backup else done()


def _delete(plan: Plan, held: HeldHsmRecord, hsm: Hsm, backup: FullBackup | None) -> None:
    used = may_hold_keys(held.record, hsm)
    ended = Decommissioned(operation_id=plan.operation_id, asked_at=now(), was_active=used, backup=backup)
    # Killed between record and DELETE, both are done again.
    write_end(held, ended)
    try:
        ask_for_deletion(hsm)
    except RefusedByAzure as refusal:
        if _is_deleted_all_the_same(refusal, held.record):
            return
        before = held_record_of(plan)
        if before.record.decommissioned == ended:
            write_end(before, held.record.decommissioned)
        raise


def _is_deleted_all_the_same(refusal: RefusedByAzure, record: HsmRecord) -> bool:
    """Say whether a refusal is of what takes place already, asked for by an execution before this one."""
    hsm = find_live_hsm(record)
    return refusal.detail.code == "azure_conflict" and (hsm is None or hsm.provisioning_state == "Deleting")
