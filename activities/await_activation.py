"""Ask once whether the HSM confirmed its last export and is active; the orchestrator waits."""

from activities.context import plan_of
from clients import archive, managed_hsm, resource_manager
from domain.errors import service_error
from domain.outcomes import Outcome, Work, done, wait
from domain.settings import settings


def await_activation(work: Work) -> Outcome:
    """Read how the export went: done when it ended with success and ARM calls the HSM active; changes nothing.

    The result says how often the HSM was asked under this attempt's number: more than once, and nobody can say which
    answer it confirmed.
    """
    plan = plan_of(work)
    status = managed_hsm.find_export_status(plan.hsm)
    if status in ("Failed", "None"):
        raise service_error(
            "export_failed",
            "The HSM did not confirm the export of its security domain.",
            advice="The bytes of this export do not count. It is downloaded again.",
        )
    hsm = resource_manager.find_hsm(plan.request.subscription_id, plan.request.resource_group, plan.hsm)
    if status == "Success" and hsm is not None and hsm.active:
        return done(exportsRequested=archive.count_export_requests(plan, work.attempt))
    return wait(settings().poll_seconds)
