"""Ask ARM to attach the identity to the HSM with which it writes its backup, before it is deleted."""

from activities.backing_up_first import allowed_target_of
from activities.context import approved_plan_of, find_own_hsm
from activities.decommissioning import record_of
from activities.deletability import require_deletable
from clients import archive, resource_manager
from domain.changes import InPlaceChange
from domain.outcomes import Outcome, Work, done


def attach_backup_identity(work: Work) -> Outcome:
    """Attach it besides those that are; what keeps the HSM from being deleted by now keeps it from this, too.

    Raises ServiceError `backup_place_not_allowed` where the policy does not name the identity any more.
    """
    plan = approved_plan_of(work, "decommission", cancelable=True)
    target, hsm = allowed_target_of(plan), find_own_hsm(plan.hsm, plan.team)
    require_deletable(work, plan, record_of(plan), hsm)
    archive.require_not_held(plan.hsm)
    # Idempotent: what is attached is not attached again, and the same change again changes nothing.
    if not hsm.has_identity(target.identity):
        resource_manager.change_hsm(hsm, InPlaceChange(identities=[target.identity]))
    return done()
