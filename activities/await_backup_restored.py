"""Ask once whether the HSM has restored the full backup; the orchestrator waits."""

from typing import Final

from activities.backing_up import find_job_status, find_restored_hsm, outcome_unknown, pinned_backup_of
from activities.context import approved_plan_of, now
from activities.firewall import require_still_open
from clients import archive
from clients.full_backups import JobStatus
from domain.backups import RestoredBackup
from domain.errors import RefusedByAzure, ServiceError, service_error
from domain.outcomes import Outcome, Work, done, wait
from domain.records import Plan
from domain.settings import settings

_WITHOUT_KEYS: Final = "The HSM is active, without the keys."
_ADVICE: Final = {
    "SecurityDomainMismatch": f"The backup is of another security domain. {_WITHOUT_KEYS} Name one of the source's.",
    "ResourceNotFound": f"There is no such backup in the container. {_WITHOUT_KEYS} Send the right one's request.",
}
_OTHERWISE: Final = (
    f"{_WITHOUT_KEYS} See that the container lets the HSM in, and that the policy's identity has Storage Blob Data "
    "Contributor on it, then send the request again."
)


def await_backup_restored(work: Work) -> Outcome:
    """Read how the restore goes: done when it ended well, which is recorded.

    Raises ServiceError `backup_restore_unknown` where the HSM does not let us ask any more: the roles that came back
    may not include ours, and then nobody here knows.
    """
    plan = approved_plan_of(work, "restore")
    restoring = find_restored_hsm(plan)
    asked = restoring.record.restored_backup
    if asked is None or not asked.is_of(pinned_backup_of(plan)):
        raise outcome_unknown("Another full backup was restored meanwhile, or our record of the HSM was lost.")
    if asked.restored_at is None:
        status = _find_status(plan, asked)
        if status.state == "Failed":
            raise service_error(
                "backup_restore_failed",
                f"The HSM did not restore the full backup: {status.failure or 'it did not say why'}.",
                advice=_ADVICE.get(status.failure, _OTHERWISE),
            )
        if status.state == "InProgress":
            return wait(settings().poll_seconds)
        # Idempotent: what is recorded is not recorded again.
        asked = asked.model_copy(update={"restored_at": now()})
        archive.write_hsm_record(restoring.record.model_copy(update={"restored_backup": asked}))
    return done(restoredBackup=asked.model_dump(mode="json", by_alias=True))


def _find_status(plan: Plan, asked: RestoredBackup) -> JobStatus:
    try:
        return find_job_status(plan, "restore", asked.operation_id)
    except RefusedByAzure as refusal:
        if refusal.detail.code not in ("azure_forbidden", "azure_not_found"):
            raise
        if refusal.detail.code == "azure_forbidden":
            require_still_open(plan)
        unknown = outcome_unknown(
            "The HSM began to restore the full backup, and does not let the service ask any more how that went: the "
            f"roles came from the backup, and ours may be gone. {refusal.detail.message}"
        )
        # A refusal can be of the moment, while roles are replaced.
        detail = unknown.detail.model_copy(
            update={"retryable": True, "azure_request_id": refusal.detail.azure_request_id}
        )
        raise ServiceError(detail) from None
