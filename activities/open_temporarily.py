"""Open the HSM's firewall to the service for a while, because no other way leads there."""

from datetime import timedelta

from activities.context import MAKING, approved_plan_of, now
from activities.handing_over import handed_over
from clients.openings import find_opening, open_up, write_opening
from domain.handover.opening import TemporaryOpening, opening_not_allowed, opening_over
from domain.openings import Opening
from domain.outcomes import Outcome, Work, done
from domain.records import Plan
from domain.settings import deployment_policy


def open_temporarily(work: Work) -> Outcome:
    """Record until when it is open and what it is to be afterwards; then open it.

    The policy is asked once more, for the approval may have taken weeks.
    """
    hsm, wanted = handed_over(work, cancelable=True)
    if wanted.temporary_opening is None:
        return done()
    # Read before the claim: while that is ours, whatever a later operation records is not what was read here.
    held = find_opening(hsm.name)
    plan = approved_plan_of(work, MAKING, cancelable=True)
    rules = deployment_policy().environments.get(plan.request.environment)
    if rules is None or not rules.temporary_opening_allowed:
        raise opening_not_allowed(plan.request.environment)
    # Idempotent: its time is counted from when it was first recorded, and what is open is not opened again.
    opening = held.opening if held is not None and _is_of(work, held.opening) else None
    if opening is None:
        opening = _describe(work, plan, hsm.resource_id, wanted.temporary_opening)
        write_opening(opening, held.etag if held is not None else None)
    if now() >= opening.closes_at:
        raise opening_over()
    open_up(opening, hsm)
    return done()


def _is_of(work: Work, opening: Opening) -> bool:
    return (opening.operation_id, opening.number) == (work.operation_id, work.attempt)


def _describe(work: Work, plan: Plan, resource_id: str, wanted: TemporaryOpening) -> Opening:
    return Opening(
        hsm=plan.hsm,
        resource_id=resource_id,
        operation_id=plan.operation_id,
        number=work.attempt,
        ip_rule=wanted.ip_rule,
        closes_at=now() + timedelta(minutes=wanted.minutes),
        public_network_access=plan.request.public_network_access,
        network=plan.request.network,
    )
