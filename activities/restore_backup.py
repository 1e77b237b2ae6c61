"""Have the HSM restore the full backup: its keys and roles become those of the HSM that was backed up."""

from activities.backing_up import find_job_status, find_restored_hsm, outcome_unknown, pinned_backup_of
from activities.context import approved_plan_of, commit, now
from activities.restoring import RestoringHsm
from clients import archive, full_backups
from clients.ownership import require_destruction_and_export_allowed
from domain.backups import HsmJob, PinnedBackup, RestoredBackup
from domain.errors import RefusedByAzure, ServiceError, service_error
from domain.outcomes import Outcome, Work, done


def restore_backup(work: Work) -> Outcome:
    """Begin the restore, once; a cancel is accepted until the HSM is asked.

    Raises ServiceError `backup_restore_unknown` where the HSM may have begun and nobody heard: a second restore would
    take away what was made after the first.
    """
    plan = approved_plan_of(work, "restore")
    restoring = find_restored_hsm(plan)
    job = archive.find_job(work.operation_id, "restore")
    if job is None:
        # What cannot be reached now is not asked: its answer would be missed.
        find_job_status(plan, "backup", work.operation_id)
        if pinned_backup_of(plan).replaces_keys:
            require_destruction_and_export_allowed()
        commit(work, "restore")
        _restore(work, restoring, pinned_backup_of(plan))
    elif job.job_id is None:
        raise _unheard()
    return done(backup=pinned_backup_of(plan).url)


def _restore(work: Work, restoring: RestoringHsm, backup: PinnedBackup) -> None:
    asked = HsmJob(asked_at=now())
    if not archive.create_job(work.operation_id, "restore", asked):
        raise _unheard()
    restored = RestoredBackup(container=backup.container, folder=backup.folder, operation_id=work.operation_id)
    archive.write_hsm_record(restoring.record.model_copy(update={"restored_backup": restored}))
    try:
        job_id = full_backups.begin_restore(restoring.hsm.name, backup)
    except RefusedByAzure as refusal:
        # The HSM said no: all is as it was.
        archive.write_hsm_record(restoring.record)
        archive.delete_job(work.operation_id, "restore")
        if refusal.detail.code != "azure_refused":
            raise
        raise service_error(
            "backup_restore_failed",
            f"The HSM did not begin to restore the full backup. {refusal.detail.message}",
            advice="The HSM is active, without the keys. See that the backup is where the request says, then send it "
            "again.",
            azure_request_id=refusal.detail.azure_request_id,
        ) from None
    archive.write_job(work.operation_id, "restore", asked.model_copy(update={"job_id": job_id}))


def _unheard() -> ServiceError:
    return outcome_unknown("The HSM was asked to restore the full backup, and nobody heard whether it began.")
