"""Have the HSM back itself up: Azure restores a full backup into none that did not do that before."""

from activities.backing_up import begin_backup_once, find_asked_restore, find_restored_hsm, pinned_backup_of
from activities.context import approved_plan_of
from domain.outcomes import Outcome, Work, done, wait
from domain.policy_rules import require_backup_place
from domain.settings import deployment_policy, settings


def back_up_hsm(work: Work) -> Outcome:
    """Begin a full backup of the HSM, once.

    Nothing is begun where an operation before this one had the HSM restore the same backup already, or has: `asked`.
    """
    plan = approved_plan_of(work, "restore", cancelable=True)
    restoring = find_restored_hsm(plan)
    backup = pinned_backup_of(plan)
    # The approval may have taken weeks.
    require_backup_place(deployment_policy(), backup.container)
    if find_asked_restore(restoring, backup):
        return done(asked=True)
    # Idempotent: what was begun is not begun again.
    begun = begin_backup_once(work.operation_id, plan.hsm, backup.container)
    return done(asked=False) if begun else wait(settings().poll_seconds)
