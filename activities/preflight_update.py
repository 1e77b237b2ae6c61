"""Check a change of an HSM against what is there, and pin it."""

from activities.context import claim_of, find_own_hsm
from activities.pinning import check_policy, pin, tell
from clients import archive
from domain.outcomes import Outcome, Work


def preflight_update(work: Work) -> Outcome:
    """Hold the change against policy and Azure and write the plan, which is written once."""
    claim = claim_of(work, "update", cancelable=True)
    # Idempotent: a plan that exists was checked when it was written, and it alone holds.
    plan = archive.find_plan(claim.hsm, claim.operation_id)
    if plan is None:
        check_policy(claim, claim.request)
        hsm = find_own_hsm(claim.hsm, claim.team)
        plan = pin(claim, hsm.resource_id, claim.request, warnings=[])
    return tell(plan)
