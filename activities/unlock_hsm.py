"""Take the service's own lock away, right before the HSM is deleted."""

from activities.backing_up_first import made_backup_of
from activities.context import approved_plan_of, commit
from activities.decommissioning import deletion_of, find_live_hsm, held_record_of
from activities.deletability import require_deletable
from activities.judge_hsm import require_still_due
from clients import archive, upkeep
from domain.outcomes import Outcome, Work, done


def unlock_hsm(work: Work) -> Outcome:
    """Delete the lock that the plan names, once nothing else keeps the HSM from being deleted.

    From here on the operation cannot be canceled: it would leave the HSM without its lock. That stays recorded: of an
    HSM that is recovered it is missed.
    """
    plan = approved_plan_of(work, "decommission", cancelable=True)
    held, lock = held_record_of(plan), deletion_of(plan).lock
    hsm = find_live_hsm(held.record)
    # Idempotent: a lock that is gone is deleted; with the HSM it goes by itself.
    if lock is not None and hsm is not None and hsm.provisioning_state != "Deleting":
        made_backup_of(plan)
        require_deletable(work, plan, held.record, hsm)
        commit(work, "decommission")
        if plan.origin == "schedule":
            require_still_due(held.record, purges=deletion_of(plan).purges)
        archive.require_not_held(plan.hsm)
        upkeep.remove(lock)
    return done()
