"""Ask once whether the HSM has backed itself up; the orchestrator waits."""

from activities.backing_up import backup_failed, find_job_status
from activities.backing_up_first import BACKED_UP, backup_target_of, find_last_backup
from activities.context import approved_plan_of, now, record_missing
from clients import archive
from clients.azure_errors import unreadable
from clients.backup_history import note_good
from domain.backup_history import KeptBackup
from domain.backups import read_backup_url
from domain.outcomes import Outcome, Work, done, wait
from domain.settings import settings


def await_backed_up(work: Work) -> Outcome:
    """Read how the backup goes: done when it ended well, and it is recorded where it lies.

    Raises ServiceError `backup_failed`; `azure_unreadable` where Azure does not say where it lies.
    """
    plan = approved_plan_of(work, BACKED_UP, cancelable=True)
    if archive.find_job(work.operation_id, "backup") is None and find_last_backup(plan) is not None:
        return done()
    archive.note_look(work.operation_id)
    status = find_job_status(plan, "backup", work.operation_id)
    if status.state == "Failed":
        kept = "Nothing was deleted." if plan.kind == "decommission" else "The HSM is active, without a backup."
        raise backup_failed(status.failure, kept=kept)
    if status.state == "InProgress":
        return wait(settings().poll_seconds)
    backup = read_backup_url(status.url, backup_target_of(plan).container)
    if backup is None:
        raise unreadable("tell where the full backup lies")
    record = archive.find_hsm_record(plan.hsm)
    if record is None:
        raise record_missing()
    # Idempotent: both become what they already are.
    archive.note_backup(work.operation_id, backup.folder)
    ended_at, operation_id = status.ended_at or now(), work.operation_id
    note_good(record, KeptBackup(**dict(backup), ended_at=ended_at, operation_id=operation_id))
    return done()
