"""Ask once whether an HSM has backed itself up by schedule; the orchestrator waits."""

from activities.auditing import record_scheduled_backup
from activities.backing_up import backup_failed
from activities.context import now
from clients import archive, full_backups
from clients.azure_errors import unreadable
from clients.backup_history import change_history, find_history
from domain.backup_history import BackupHistory, KeptBackup, RunningBackup
from domain.backups import read_backup_url
from domain.errors import ErrorDetail, ServiceError
from domain.outcomes import AskedHsm, Outcome, done, wait
from domain.records import HsmRecord
from domain.settings import settings


def await_scheduled_backup(asked: AskedHsm) -> Outcome:
    """Read how the backup goes that is recorded as running: done when it ended, and it is recorded where it lies.

    Raises ServiceError `backup_failed`, `azure_unreadable`; what will not be otherwise is recorded, and tried anew.
    """
    record = archive.find_hsm_record(asked.hsm)
    running = find_history(record).running if record is not None else None
    if record is None or running is None:
        # Idempotent: killed after it was recorded there is nothing to wait for.
        return done()
    try:
        ended = _find_end(record.hsm, running)
    except ServiceError as error:
        if not error.detail.retryable:
            record_scheduled_backup(record, error.detail.code)
            _end(record, running, failure=error.detail)
        raise
    if ended is None:
        return wait(settings().poll_seconds)
    # Before the history, for what is over there is looked at by nobody: killed between the two it is recorded twice.
    record_scheduled_backup(record, "made", container=ended.container, folder=ended.folder)
    _end(record, running, backup=ended)
    return done()


def _find_end(hsm: str, running: RunningBackup) -> KeptBackup | None:
    status = full_backups.find_job(hsm, "backup", running.job_id)
    if status.state == "InProgress":
        return None
    if status.state == "Failed":
        raise backup_failed(status.failure)
    backup = read_backup_url(status.url, running.container)
    if backup is None:
        raise unreadable("tell where the full backup lies")
    return KeptBackup(container=backup.container, folder=backup.folder, ended_at=status.ended_at or now())


def _end(
    record: HsmRecord, running: RunningBackup, *, backup: KeptBackup | None = None, failure: ErrorDetail | None = None
) -> None:
    def change(known: BackupHistory) -> BackupHistory:
        if known.running != running:
            return known
        ended = known.add(backup) if backup else known.model_copy(update={"failure": failure})
        return ended.model_copy(update={"running": None})

    change_history(record, change)
