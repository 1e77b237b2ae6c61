"""Check that an HSM may be deleted, and pin what is deleted, with what its approver should know."""

from typing import Final

from activities.context import claim_of, find_own_hsm, now, record_missing
from activities.decommissioning import deletion_of, find_live_hsm, find_our_deleted_hsm, may_hold_keys
from activities.pinning import check_policy, pin, tell
from clients import archive
from clients.backup_places import find_backup_target
from clients.deletion import purge_protected, require_backed_up, require_can_back_up, require_unlocked
from clients.metrics import find_usage
from clients.ownership import require_destruction_and_export_allowed
from domain.backups import BackupTarget
from domain.decommissioning import Decommissioned, PlannedDeletion
from domain.hsm import Hsm
from domain.names import hsm_uri
from domain.outcomes import Outcome, Work, done
from domain.policy_rules import require_purge_allowed
from domain.records import Claim, HsmRecord, Notice, Plan
from domain.settings import deployment_policy

_LOCK_REMOVED: Final = Notice(
    code="own_lock_removed",
    message="The HSM has the service's own lock: it is removed as part of this plan, right before the deletion.",
)


def preflight_decommission(work: Work) -> Outcome:
    """Hold the deletion against policy, holds and locks, and write the plan, which is written once."""
    claim = claim_of(work, "decommission", cancelable=True)
    # Idempotent: a plan that exists was checked when it was written, and it alone holds.
    plan = archive.find_plan(claim.hsm, claim.operation_id) or _pin(claim)
    told, deletion = tell(plan), deletion_of(plan)
    hsm = {"resourceId": plan.resource_id, "uri": hsm_uri(plan.hsm)}
    record = archive.find_hsm_record(claim.hsm)
    wanted = {
        "backsUp": deletion.backup is not None,
        "unlocks": deletion.lock is not None,
        "hasAlerts": record is not None and bool(record.alerts),
        "hasPrivateEndpoints": bool(deletion.private_endpoints),
        "isPurged": record is not None and record.purged,
    }
    further = {name: True for name, is_wanted in wanted.items() if is_wanted}
    return done(**told.result, hsm=hsm, purges=deletion.purges, **further)


def _pin(claim: Claim) -> Plan:
    require_destruction_and_export_allowed()
    archive.require_not_held(claim.hsm)
    check_policy(claim, claim.request)
    if claim.purges:
        require_purge_allowed(deployment_policy(), claim.request.environment)
    record = archive.find_hsm_record(claim.hsm)
    if record is None:
        raise record_missing()
    deletion = _plan_deletion(claim, record)
    warnings = [_LOCK_REMOVED] if deletion.lock else []
    return pin(claim, record.resource_id, claim.request, deletion=deletion, warnings=warnings)


def _plan_deletion(claim: Claim, record: HsmRecord) -> PlannedDeletion:
    hsm = find_live_hsm(record)
    ended = record.decommissioned
    if ended is not None and (hsm is None or hsm.provisioning_state == "Deleting"):
        return _plan_purge(claim, record, ended)
    return _plan_both(claim, record, find_own_hsm(claim.hsm, claim.team))


def _plan_both(claim: Claim, record: HsmRecord, hsm: Hsm) -> PlannedDeletion:
    locked = require_unlocked(hsm.resource_id, record.lock)
    if claim.purges and hsm.purge_protection:
        raise purge_protected(None)
    return PlannedDeletion(
        deletes=True,
        purges=claim.purges,
        was_active=may_hold_keys(record, hsm),
        removes_regions=[region.name for region in hsm.regions],
        usage=find_usage(hsm.resource_id, now()),
        backup=_plan_backup(claim, hsm),
        lock=record.lock if locked else None,
        private_endpoints=record.private_endpoints,
    )


def _plan_backup(claim: Claim, hsm: Hsm) -> BackupTarget | None:
    if claim.backup_to is None:
        return None
    require_can_back_up(hsm)
    return find_backup_target(claim.backup_to, "backupTo")


def _plan_purge(claim: Claim, record: HsmRecord, ended: Decommissioned) -> PlannedDeletion:
    require_backed_up(ended, claim.backup_to)
    planned = PlannedDeletion(
        deletes=False,
        # What is purged already is not purged again: what is left is what the service made around it.
        purges=claim.purges and not record.purged,
        was_active=record.may_hold_keys,
        kept_until=ended.kept_until,
        private_endpoints=record.private_endpoints,
        backed_up=ended.backup,
    )
    if record.purged:
        return planned
    if ended.deleted_at is None:
        # It was asked for and never seen: an operation that ended too early. The next steps find what became of it.
        return planned.model_copy(update={"deletes": True})
    deleted = find_our_deleted_hsm(record)
    if deleted is not None and claim.purges and deleted.purge_protected:
        raise purge_protected(deleted.kept_until)
    # One that is not there any more was purged, by Azure or by somebody else: that is found and recorded next.
    return planned
