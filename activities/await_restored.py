"""Ask once whether the HSM has taken the security domain in and is active; the orchestrator waits."""

from activities.context import approved_plan_of
from activities.restoring import find_restoring_hsm, require_ours
from clients import managed_hsm
from domain.errors import service_error
from domain.outcomes import Outcome, Work, done, wait
from domain.settings import settings


def await_restored(work: Work) -> Outcome:
    """Read how the upload went: done when it ended with success and ARM calls the HSM active. Changes nothing."""
    plan = approved_plan_of(work, "restore")
    restoring = find_restoring_hsm(plan)
    require_ours(restoring)
    status = managed_hsm.find_upload_status(plan.hsm)
    if status in ("Failed", "None"):
        raise service_error(
            "restore_failed",
            "The HSM did not take the security domain in.",
            advice="The HSM exists and is billed. Send the request again, and have another restore blob made.",
        )
    if status != "Success" or not restoring.hsm.active:
        return wait(settings().poll_seconds)
    return done()
