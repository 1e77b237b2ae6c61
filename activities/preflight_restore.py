"""Check that another HSM's security domain can be restored into a new one, and pin which it is."""

from activities.context import claim_of
from activities.pinning import candidate_of, pin, tell
from clients import archive
from clients.preflight import RESTORE_CHECKS
from clients.restores import KeptDomain, find_kept_domain, require_restorable, source_not_found
from clients.verification import check_stored
from domain.errors import service_error
from domain.names import resource_id
from domain.outcomes import Outcome, Work
from domain.policy_rules import Grant
from domain.records import Claim
from domain.security_domain.checks import find_faults


def preflight_restore(work: Work) -> Outcome:
    """Check the new HSM as a provision does, and the stored security domain; write the plan, which is written once."""
    claim = claim_of(work, "restore", cancelable=True)
    # Idempotent: a plan that exists was checked when it was written, and it alone holds.
    plan = archive.find_plan(claim.hsm, claim.operation_id)
    if plan is None:
        candidate = candidate_of(claim)
        for check in RESTORE_CHECKS:
            check.run(candidate)
        kept = _find_source(claim, candidate.grant)
        require_restorable(candidate.existing, candidate.record, kept.source)
        _require_intact(kept)
        asked = claim.request
        place = resource_id(asked.subscription_id, asked.resource_group, claim.hsm)
        plan = pin(claim, place, asked, source=kept.source, warnings=[])
    return tell(plan)


def _find_source(claim: Claim, grant: Grant) -> KeptDomain:
    """Find what is to be restored; raises ServiceError `hsm_not_found`, also where it is not theirs."""
    record = archive.find_hsm_record_of(claim.source, claim.source_operation_id) if claim.source else None
    if record is None or not (claim.by_operator or record.team in grant.teams):
        raise source_not_found()
    return find_kept_domain(record)


def _require_intact(kept: KeptDomain) -> None:
    """Raise ServiceError `security_domain_invalid` unless what is stored is what it must be."""
    faults = find_faults(check_stored(kept.receipt, kept.plan))
    if faults:
        raise service_error(
            "security_domain_invalid",
            f"The stored security domain is not what it must be: {' '.join(faults)}",
            advice="Keep what is stored. Nothing was made: a restore from it would fail.",
        )
