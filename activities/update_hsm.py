"""Ask ARM for a change that it makes in place."""

from activities.check_hsm import require_still_wanted
from activities.context import approved_plan_of, commit, find_own_hsm
from activities.pinning import check_again
from clients import resource_manager
from clients.openings import close_to
from clients.ownership import require_creation_allowed
from domain.changes import InPlaceChange, find_pending
from domain.openings import closing_too
from domain.outcomes import Outcome, Work, done


def update_hsm(work: Work) -> Outcome:
    """Ask for what of the pinned change the HSM does not have yet; without any, nothing is asked for.

    The change is held against policy and switches once more, for its approval may have taken weeks.
    """
    plan = approved_plan_of(work, "update", cancelable=True)
    hsm = find_own_hsm(plan.hsm, plan.team)
    change = plan.change or InPlaceChange()
    check_again(work, plan)
    if find_pending(change, hsm).extends:
        require_creation_allowed()
    commit(work, "update")
    # Idempotent: what Azure has taken is not pending any more, and the same change again changes nothing.
    pending = find_pending(change, hsm)
    if not pending.empty and plan.origin == "schedule":
        require_still_wanted(plan, pending, hsm)
    if close_to(plan.hsm, plan.request):
        pending = find_pending(closing_too(change, plan.request), hsm)
    if not pending.empty:
        resource_manager.change_hsm(hsm, pending)
    return done(resourceId=plan.resource_id)
