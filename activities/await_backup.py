"""Ask once whether the HSM has backed itself up, and long enough ago; the orchestrator waits."""

from activities.backing_up import find_job_status
from activities.context import approved_plan_of
from domain.backups import RESTORABLE_AFTER
from domain.errors import service_error
from domain.outcomes import Outcome, Work, done, wait
from domain.settings import settings


def await_backup(work: Work) -> Outcome:
    """Read how the backup goes: done when a restore may begin, by Azure's clock. Changes nothing."""
    plan = approved_plan_of(work, "restore", cancelable=True)
    status = find_job_status(plan, "backup", work.operation_id)
    if status.state == "Failed":
        raise service_error(
            "backup_failed",
            f"The HSM could not back itself up, which Azure wants first: {status.failure or 'it did not say why'}.",
            advice="See that the container exists and lets the HSM in, and that the policy's identity has Storage Blob "
            "Data Contributor on it. The HSM is active; send the request again to go on from here.",
        )
    if status.state == "InProgress" or status.ended_at is None or status.now < status.ended_at + RESTORABLE_AFTER:
        return wait(settings().poll_seconds)
    return done()
