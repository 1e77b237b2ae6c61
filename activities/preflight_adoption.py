"""Look at an HSM that is to be taken over, and pin which it is and what it is."""

from typing import Final

from activities.context import claim_of
from activities.foreign_hsm import find_foreign_hsm
from activities.pinning import check_policy, pin, tell
from clients import archive
from clients.credential import own_identity
from domain.administration import find_administration_warnings
from domain.adoption import specify
from domain.outcomes import Outcome, Work
from domain.records import Notice

_NOT_STORED: Final = Notice(
    code="security_domain_not_stored",
    message="This service has no security domain of this HSM: whoever activated it must keep it.",
)


def preflight_adoption(work: Work) -> Outcome:
    """Hold what is there against the policy and write the plan, which is written once."""
    claim = claim_of(work, "adopt", cancelable=True)
    # Idempotent: a plan that exists was checked when it was written, and it alone holds.
    plan = archive.find_plan(claim.hsm, claim.operation_id)
    if plan is None:
        hsm, found = find_foreign_hsm(claim.request, claim.hsm, claim.team)
        seen = specify(hsm, claim.request)
        check_policy(claim, seen)
        plan = pin(
            claim,
            hsm.resource_id,
            seen,
            found=found,
            warnings=[_NOT_STORED, *find_administration_warnings(hsm, own_identity().object_id)],
        )
    return tell(plan)
