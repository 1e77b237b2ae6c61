"""Have the HSM back itself up: Azure restores a full backup into none that did not do that before."""

from typing import Final

from activities.backing_up import find_asked_restore, find_restored_hsm, pinned_backup_of
from activities.context import approved_plan_of, now
from clients import archive, full_backups
from domain.backups import HsmJob
from domain.errors import RefusedByAzure, ServiceError, service_error
from domain.outcomes import Outcome, Work, done
from domain.policy_rules import require_backup_place
from domain.settings import deployment_policy

_OTHER_JOB_SECONDS: Final = 120.0


def back_up_hsm(work: Work) -> Outcome:
    """Begin a full backup of the HSM, once; killed before that is recorded it begins another, which harms nothing.

    Nothing is begun where an operation before this one had the HSM restore the same backup already, or has: `asked`.
    """
    plan = approved_plan_of(work, "restore", cancelable=True)
    restoring = find_restored_hsm(plan)
    backup = pinned_backup_of(plan)
    # The approval may have taken weeks.
    require_backup_place(deployment_policy(), backup.container)
    if find_asked_restore(restoring, backup):
        return done(asked=True)
    if archive.find_job(work.operation_id, "backup") is None:
        asked_at = now()
        try:
            job_id = full_backups.begin_backup(plan.hsm, backup.container)
        except RefusedByAzure as refusal:
            raise _describe(refusal) from None
        archive.write_job(work.operation_id, "backup", HsmJob(asked_at=asked_at, job_id=job_id))
    return done(asked=False)


def _describe(refusal: RefusedByAzure) -> ServiceError:
    detail = refusal.detail
    if detail.code == "azure_conflict":
        # It may be the one that a worker began that died since: it takes minutes.
        return ServiceError(detail.model_copy(update={"retry_after": detail.retry_after or _OTHER_JOB_SECONDS}))
    if detail.code != "azure_refused":
        return refusal
    return service_error(
        "backup_failed",
        f"The HSM did not begin to back itself up, which Azure wants first. {detail.message}",
        advice="See that the policy's identity is attached to the HSM, then send the request again.",
        azure_request_id=detail.azure_request_id,
    )
