"""Ask ARM to extend the HSM to its additional region."""

from activities.context import MAKING, approved_plan_of, commit, find_own_hsm
from activities.pinning import check_again
from clients import resource_manager
from clients.ownership import require_creation_allowed
from domain.changes import InPlaceChange, find_pending
from domain.outcomes import Outcome, Work, done


def add_regions(work: Work) -> Outcome:
    """Ask for the region that the HSM is not in yet; it costs money from then on.

    The plan is held against policy and switches once more: the HSM's activation may have taken hours.
    """
    plan = approved_plan_of(work, MAKING, cancelable=True)
    hsm = find_own_hsm(plan.hsm, plan.team)
    change = find_pending(InPlaceChange(additional_regions=plan.request.additional_regions), hsm)
    # Idempotent: a region that was asked for is there, however far it is, and is not pending any more.
    if not change.empty:
        require_creation_allowed()
        check_again(work, plan)
        # Whoever cancels from here on is told that it is too late: the region comes, and is billed.
        commit(work, MAKING)
        resource_manager.change_hsm(hsm, change)
    return done(resourceId=plan.resource_id)
