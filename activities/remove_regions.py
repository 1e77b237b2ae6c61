"""Ask ARM to take the HSM out of its additional region, so that it can be deleted."""

from activities.backing_up_first import made_backup_of
from activities.context import approved_plan_of, commit
from activities.decommissioning import deletion_of, find_live_hsm, held_record_of
from activities.deletability import require_deletable
from activities.judge_hsm import require_still_due
from clients import archive, resource_manager
from domain.changes import InPlaceChange, find_pending
from domain.outcomes import Outcome, Work, done


def remove_regions(work: Work) -> Outcome:
    """Ask for what the plan takes away; nothing is asked of an HSM that is gone, or is in its own region only.

    The keys stay in the first region. Whatever keeps the HSM from being deleted by now keeps it from this, too: it is
    not left with less for a deletion that does not happen.
    """
    plan = approved_plan_of(work, "decommission", cancelable=True)
    held = held_record_of(plan)
    hsm = find_live_hsm(held.record)
    # Idempotent: a region that is going is not there any more.
    if hsm is None or hsm.provisioning_state == "Deleting":
        return done()
    change = find_pending(InPlaceChange(additional_regions=[]), hsm)
    if not change.empty:
        made_backup_of(plan)
        require_deletable(work, plan, held.record, hsm)
        commit(work, "decommission")
        if plan.origin == "schedule":
            require_still_due(held.record, purges=deletion_of(plan).purges)
        archive.require_not_held(plan.hsm)
        resource_manager.change_hsm(hsm, change)
    return done()
