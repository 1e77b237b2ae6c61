"""What the steps that restore a full backup have in common."""

from activities.restoring import RestoringHsm, find_restoring_hsm
from clients import archive, full_backups
from clients.full_backups import JobStatus
from domain.backups import FullBackup, JobKind, PinnedBackup
from domain.errors import RefusedByAzure, ServiceError, service_error
from domain.records import Plan


def find_restored_hsm(plan: Plan) -> RestoringHsm:
    """Find the HSM whose keys are to come back; raises ServiceError `hsm_changed` unless it has the source's domain."""
    restoring = find_restoring_hsm(plan)
    receipt = restoring.record.security_domain
    if not restoring.hsm.active or receipt is None or receipt.sha256 != restoring.source.receipt.sha256:
        raise service_error(
            "hsm_changed",
            "The HSM is not active with the security domain that was restored, or not any more.",
            advice="See in Azure what became of it, then send the request again.",
        )
    return restoring


def pinned_backup_of(plan: Plan) -> PinnedBackup:
    """Give the full backup that a plan restores; raises ServiceError `not_planned`."""
    if plan.backup is None:
        raise service_error("not_planned", "The plan names no backup.", advice="Send the request again.")
    return plan.backup


def find_asked_restore(restoring: RestoringHsm, backup: FullBackup) -> bool:
    """Say whether the HSM restores this backup now, or has restored it.

    Raises ServiceError where it does not say: what may have begun is not begun again because of that.
    """
    asked = restoring.record.restored_backup
    if asked is None or not asked.is_of(backup):
        return False
    if asked.restored_at is not None:
        return True
    job = archive.find_job(asked.operation_id, "restore")
    if job is None or job.job_id is None:
        return False
    try:
        return full_backups.find_job(restoring.hsm.name, "restore", job.job_id).state != "Failed"
    except RefusedByAzure as refusal:
        if refusal.detail.code == "azure_not_found":
            return False
        raise


def find_job_status(plan: Plan, kind: JobKind, operation_id: str) -> JobStatus:
    """Ask how a full backup or restore goes that an operation had the HSM begin; raises ServiceError `not_planned`."""
    job = archive.find_job(operation_id, kind)
    if job is None or job.job_id is None:
        raise service_error("not_planned", f"The HSM was asked for no full {kind}.", advice="Send the request again.")
    return full_backups.find_job(plan.hsm, kind, job.job_id)


def outcome_unknown(message: str) -> ServiceError:
    """Make the error of a restore of which nobody knows how it went."""
    return service_error(
        "backup_restore_unknown",
        message,
        advice="The HSM is active, and nothing else was done. Look at its keys: are those of the backup there, the "
        "restore took place. Roles come from the backup, too: give the service's identity Managed HSM Administrator "
        "where it lost that. The same request again restores the backup anew, in place of all keys that are there.",
    )
