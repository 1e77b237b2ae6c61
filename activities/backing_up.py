"""What the steps that make or restore a full backup have in common."""

from activities.context import now
from activities.restoring import RestoringHsm, find_restoring_hsm
from clients import archive, full_backups
from clients.credential import own_identity
from clients.full_backups import JobStatus
from clients.reachability import find_obstacle
from domain.backups import FullBackup, HsmJob, JobKind, PinnedBackup
from domain.errors import RefusedByAzure, ServiceError, service_error
from domain.handover.giving_up import backup_not_permitted
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


def begin_backup_once(operation_id: str, hsm: str, container: str, *, looks_first: bool = False) -> bool:
    """Have an HSM begin a full backup, once; killed before that is recorded it begins another, which harms nothing.

    False while the HSM is busy with another, or `looks_first` whether it could: `await_backup_turn` says until when.
    """
    if archive.find_job(operation_id, "backup") is not None:
        return True
    try:
        if looks_first and not _would_do(operation_id, hsm, container):
            return False
        asked_at = now()
        job_id = full_backups.begin_backup(hsm, container)
    except RefusedByAzure as refusal:
        if refusal.detail.code != "azure_conflict":
            raise describe_refused_backup(hsm, refusal) from None
        # It may be the one that a worker began that died since: of a large HSM it takes its time.
        archive.write_job(operation_id, "prebackup", HsmJob(asked_at=now()))
        return False
    archive.write_job(operation_id, "backup", HsmJob(asked_at=asked_at, job_id=job_id))
    return True


def _would_do(operation_id: str, hsm: str, container: str) -> bool:
    """Say whether the HSM has seen that a backup would do; have it look first."""
    job = archive.find_job(operation_id, "prebackup")
    if job is None or job.job_id is None:
        asked_at = now()
        job_id = full_backups.begin_backup_check(hsm, container)
        archive.write_job(operation_id, "prebackup", HsmJob(asked_at=asked_at, job_id=job_id))
        return False
    status = full_backups.find_job(hsm, "backup", job.job_id)
    if status.state == "Failed":
        raise backup_failed(status.failure)
    return status.state == "Succeeded"


def backup_failed(why: str, *, kept: str = "The HSM is as it was.") -> ServiceError:
    """Make the error of a full backup that ended badly, or would; `why` is Azure's short code."""
    return service_error(
        "backup_failed",
        f"The HSM could not back itself up: {why or 'it did not say why'}.",
        advice=f"{kept} See that the container exists and lets the HSM in, and that the policy's identity has Storage "
        "Blob Data Contributor on it; then send the request again.",
    )


def describe_refused_backup(hsm: str, refusal: RefusedByAzure, *, by_schedule: bool = False) -> ServiceError:
    """Say what it means that an HSM did not begin a full backup."""
    detail = refusal.detail
    # A firewall refuses with 403 as well, and says nothing of roles.
    if detail.code == "azure_forbidden" and find_obstacle(hsm) is None:
        return backup_not_permitted(hsm, own_identity().object_id, by_schedule=by_schedule)
    if detail.code != "azure_refused":
        return refusal
    return service_error(
        "backup_failed",
        f"The HSM did not begin to back itself up. {detail.message}",
        advice="See that the policy's identity is attached to the HSM, then send the request again.",
        azure_request_id=detail.azure_request_id,
    )


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
