"""Ask once whether Azure has attached the identity with which the HSM writes its backup; the orchestrator waits."""

from activities.backing_up_first import backup_target_of
from activities.context import approved_plan_of, find_own_hsm
from domain.errors import service_error
from domain.outcomes import Outcome, Work, done, wait
from domain.settings import settings


def await_backup_identity(work: Work) -> Outcome:
    """Read the HSM: done when it has the identity and nothing changes any more. Changes nothing."""
    plan = approved_plan_of(work, "decommission", cancelable=True)
    hsm = find_own_hsm(plan.hsm, plan.team)
    if hsm.provisioning_state == "Failed":
        raise service_error(
            "update_failed",
            "Azure could not attach the identity to the HSM that its backup needs.",
            advice="Nothing was deleted. See in Azure what is wrong with the HSM, then send the request again.",
        )
    settled = hsm.provisioning_state in ("Succeeded", "Activated")
    return done() if settled and hsm.has_identity(backup_target_of(plan).identity) else wait(settings().poll_seconds)
