"""Have the HSM back itself up: when it is handed over, or before it is deleted."""

from activities.backing_up import begin_backup_once
from activities.backing_up_first import BACKED_UP, allowed_target_of, find_recent_backup
from activities.context import approved_plan_of, find_own_hsm
from clients.ownership import require_destruction_and_export_allowed
from domain.outcomes import Outcome, Work, done, wait
from domain.settings import settings


def back_up(work: Work) -> Outcome:
    """Begin a full backup of the HSM into the planned container, once.

    At the hand-over the HSM looks first whether that would do, and none is begun where there is one that is not due
    again. Raises ServiceError `backup_place_not_allowed` where the policy lets none lie there any more, and
    `destruction_and_export_stopped`.
    """
    plan = approved_plan_of(work, BACKED_UP, cancelable=True)
    target, hsm = allowed_target_of(plan), find_own_hsm(plan.hsm, plan.team)
    recent = find_recent_backup(plan)
    if recent is not None:
        return done(backup=recent.url)
    # With a full backup all that the HSM holds leaves it.
    require_destruction_and_export_allowed()
    handover = plan.kind == "provision"
    # Idempotent: what was begun is not begun again.
    begun = begin_backup_once(work.operation_id, hsm.name, target.container, looks_first=handover)
    return done(backup=target.container) if begun else wait(settings().poll_seconds)
