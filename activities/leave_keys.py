"""Take the role away with which the service made keys."""

from activities.context import approved_plan_of, find_own_hsm
from activities.handing_over import note
from clients import key_access
from domain.outcomes import Outcome, Work, done


def leave_keys(work: Work) -> Outcome:
    """Leave the keys alone from here on, whether or not they could be made."""
    plan = approved_plan_of(work, "provision")
    find_own_hsm(plan.hsm, plan.team)
    # Idempotent: a role that the service has not is none to be taken away, and killed before that is recorded it is
    # looked for once more.
    key_access.leave(plan.hsm)
    note(plan.hsm, makes_keys=False)
    return done()
