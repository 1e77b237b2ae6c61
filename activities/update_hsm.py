"""Ask ARM for a change that it makes in place."""

from activities.context import approved_plan_of, commit, find_own_hsm
from activities.pinning import check_again
from clients import resource_manager
from domain.changes import InPlaceChange, find_pending
from domain.outcomes import Outcome, Work, done


def update_hsm(work: Work) -> Outcome:
    """Ask for what of the pinned change the HSM does not have yet; without any, nothing is asked for.

    The change is held against the policy once more, for its approval may have taken weeks.
    """
    plan = approved_plan_of(work, "update", cancelable=True)
    hsm = find_own_hsm(plan.hsm, plan.team)
    check_again(work, plan)
    commit(work, "update")
    # Idempotent: what Azure has taken is not pending any more, and the same change again changes nothing.
    pending = find_pending(plan.change or InPlaceChange(), hsm)
    if not pending.empty:
        resource_manager.change_hsm(hsm, pending)
    return done(resourceId=plan.resource_id)
