"""Check everything that can be checked before money is spent, and pin what was checked."""

from activities.context import claim_of
from activities.pinning import candidate_of, pin, pin_keys, tell
from clients import archive
from clients.preflight import CHECKS, Candidate
from domain.custody import find_custody_warnings
from domain.names import resource_id
from domain.outcomes import Outcome, Work
from domain.records import Claim, Plan
from domain.requests import check_request


def preflight(work: Work) -> Outcome:
    """Check the request against Azure, pin the wrapping certificates and write the plan, which is written once."""
    claim = claim_of(work, cancelable=True)
    # Idempotent: a plan that exists was checked when it was written, and it alone holds.
    plan = archive.find_plan(claim.hsm, claim.operation_id)
    if plan is None:
        candidate = candidate_of(claim)
        check_request(candidate.whole_request, candidate.now)
        for check in CHECKS:
            check.run(candidate)
        plan = _pin(claim, candidate)
    return tell(plan)


def _pin(claim: Claim, candidate: Candidate) -> Plan:
    request = claim.whole_request
    return pin(
        claim,
        resource_id(request.subscription_id, request.resource_group, claim.hsm),
        request,
        keys=pin_keys(request, candidate.require_keys()),
        first_export=candidate.first_export,
        warnings=find_custody_warnings(request) + candidate.administration_warnings,
    )
