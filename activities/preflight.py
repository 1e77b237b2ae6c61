"""Check everything that can be checked before money is spent, and pin what was checked."""

from datetime import timedelta

from activities.context import claim_of, now
from activities.pinning import candidate_of, pin_keys, tell
from clients import archive
from clients.preflight import CHECKS, Candidate
from domain.custody import find_custody_warnings
from domain.names import resource_id
from domain.outcomes import Outcome, Work
from domain.policy_rules import monthly_cost
from domain.records import Claim, Plan
from domain.requests import check_request
from domain.settings import deployment_policy


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
        plan = archive.create_plan(_pin(claim, candidate))
    return tell(plan)


def _pin(claim: Claim, candidate: Candidate) -> Plan:
    request = claim.whole_request
    reasons = candidate.approval_reasons
    pinned_at = now()
    expires_at = pinned_at + timedelta(hours=deployment_policy().approval.expires_after_hours)
    return Plan(
        hsm=claim.hsm,
        operation_id=claim.operation_id,
        kind=claim.kind,
        team=claim.team,
        requester=claim.requester,
        requested_by=claim.requested_by,
        resource_id=resource_id(request.subscription_id, request.resource_group, claim.hsm),
        request=request,
        monthly_cost_usd=monthly_cost(deployment_policy(), request.sku),
        approval_reasons=reasons,
        approval_expires_at=expires_at if reasons else None,
        wrapping_keys=pin_keys(request, candidate.require_keys()),
        warnings=find_custody_warnings(request) + candidate.administration_warnings,
        pinned_at=pinned_at,
    )
