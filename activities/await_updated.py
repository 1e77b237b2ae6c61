"""Ask once whether Azure has changed the HSM; the orchestrator waits."""

from activities.context import approved_plan_of, find_own_hsm, record_missing
from clients import archive
from domain.changes import InPlaceChange, find_pending
from domain.errors import service_error
from domain.outcomes import Outcome, Work, done, wait
from domain.settings import settings


def await_updated(work: Work) -> Outcome:
    """Read the HSM: done when it is as wanted, wait while ARM works, failed when ARM gave up or it is gone.

    Records what the HSM was asked to be.
    """
    plan = approved_plan_of(work, "update")
    hsm = find_own_hsm(plan.hsm, plan.team)
    if hsm.provisioning_state == "Failed":
        raise service_error(
            "update_failed",
            "Azure could not change the HSM.",
            advice="See in Azure what is wrong with it, then send the request again.",
        )
    if hsm.provisioning_state not in ("Succeeded", "Activated"):
        return wait(settings().poll_seconds)
    if not find_pending(plan.change or InPlaceChange(), hsm).empty:
        return wait(settings().poll_seconds)
    record = archive.find_hsm_record(plan.hsm)
    if record is None:
        raise record_missing()
    # Idempotent: the record becomes what it already is.
    archive.write_hsm_record(record.model_copy(update={"request": plan.request}))
    return done(uri=hsm.uri, resourceId=hsm.resource_id)
