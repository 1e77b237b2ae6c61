"""Check that a deleted HSM may be brought back, and pin which one."""

from activities.context import claim_of, now, record_missing
from activities.pinning import check_policy, pin, tell
from clients import archive
from clients.recovery import require_recoverable
from domain.decommissioning import PlannedRecovery
from domain.names import hsm_uri
from domain.outcomes import Outcome, Work, done
from domain.records import Claim, Plan
from domain.recovering import find_recovery_warnings


def preflight_recover(work: Work) -> Outcome:
    """Hold the recovery against policy and record, and write the plan, which is written once."""
    claim = claim_of(work, "recover", cancelable=True)
    # Idempotent: a plan that exists was checked when it was written, and it alone holds.
    plan = archive.find_plan(claim.hsm, claim.operation_id) or _pin(claim)
    told = tell(plan)
    return done(**told.result, hsm={"resourceId": plan.resource_id, "uri": hsm_uri(plan.hsm)})


def _pin(claim: Claim) -> Plan:
    check_policy(claim, claim.request)
    record = archive.find_hsm_record(claim.hsm)
    if record is None:
        raise record_missing()
    deleted = require_recoverable(record)
    recovery = PlannedRecovery(deleted_at=deleted.deleted_at, kept_until=deleted.kept_until)
    warnings = find_recovery_warnings(claim.request, now())
    return pin(claim, record.resource_id, claim.request, recovery=recovery, warnings=warnings)
