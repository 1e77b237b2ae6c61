"""Close the HSM's firewall again, also where the operation failed or was canceled."""

from activities.context import MAKING, now, plan_of, was_approved
from clients.openings import HeldOpening, close, find_opening
from domain.openings import Opening
from domain.outcomes import Outcome, Work, done
from domain.records import Plan


def close_opening(work: Work) -> Outcome:
    """Close what is recorded as open; what is closed is left, and the schedule sees that it came to pass.

    Where nothing is recorded any more the clock saw it closed, but the answer to its opening may have come later: it is
    looked at once more. A plan that was never approved opened nothing, and changes nothing.
    """
    plan = plan_of(work, MAKING)
    held = find_opening(plan.hsm) or _describe(plan)
    if held is not None:
        close(held, now())
    return done()


def _describe(plan: Plan) -> HeldOpening | None:
    wanted = plan.handover.temporary_opening if plan.handover else None
    if wanted is None or not was_approved(plan):
        return None
    return HeldOpening(
        Opening(
            hsm=plan.hsm,
            resource_id=plan.resource_id,
            operation_id=plan.operation_id,
            ip_rule=wanted.ip_rule,
            closes_at=now(),
            public_network_access=plan.request.public_network_access,
            network=plan.request.network,
        )
    )
