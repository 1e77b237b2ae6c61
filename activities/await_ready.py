"""Ask once whether the HSM is provisioned; the orchestrator waits."""

from activities.context import plan_of
from clients import resource_manager
from domain.errors import service_error
from domain.outcomes import Outcome, Work, done, wait
from domain.settings import settings


def await_ready(work: Work) -> Outcome:
    """Read the HSM's state: done when provisioned, wait while ARM works, failed when ARM gave up."""
    plan = plan_of(work)
    hsm = resource_manager.find_hsm(plan.request.subscription_id, plan.request.resource_group, plan.hsm)
    # ARM answers 404 for a moment after it accepted a PUT; the orchestrator's deadline ends a longer one.
    if hsm is None or hsm.provisioning_state not in ("Succeeded", "Activated", "Failed"):
        return wait(settings().poll_seconds)
    if hsm.provisioning_state == "Failed":
        raise service_error(
            "provisioning_failed",
            "Azure could not provision the HSM.",
            advice="It exists and may be billed. Send the request again so that Azure retries, or purge it.",
        )
    return done(uri=hsm.uri)
