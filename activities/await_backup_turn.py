"""Ask once whether the HSM may be asked for its backup (again); the orchestrator waits."""

from datetime import timedelta
from typing import Final

from activities.context import approved_plan_of, now
from clients import archive, full_backups
from domain.fields import OperationKind
from domain.outcomes import Outcome, Work, done, wait
from domain.settings import settings

_KINDS: Final[tuple[OperationKind, ...]] = ("provision", "restore", "decommission")
_BUSY_POLLS: Final = 8


def await_backup_turn(work: Work) -> Outcome:
    """Read how its look at the container goes; of what else it is busy with nobody knows. Changes nothing."""
    plan = approved_plan_of(work, _KINDS, cancelable=True)
    job, pause = archive.find_job(work.operation_id, "prebackup"), settings().poll_seconds
    if job is None:
        return done()
    if job.job_id is None:
        return wait(pause) if now() < job.asked_at + timedelta(seconds=_BUSY_POLLS * pause) else done()
    running = full_backups.find_job(plan.hsm, "backup", job.job_id).state == "InProgress"
    return wait(pause) if running else done()
