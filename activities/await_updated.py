"""Ask once whether Azure has changed the HSM; the orchestrator waits."""

from activities.context import approved_plan_of, find_own_hsm, record_missing
from activities.extending import wait_for_regions
from clients import archive
from domain.changes import InPlaceChange, find_pending
from domain.errors import service_error
from domain.hsm import reach
from domain.network_drift import complete
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
    change = plan.change or InPlaceChange()
    if hsm.provisioning_state not in ("Succeeded", "Activated") or not find_pending(change, hsm).empty:
        return wait(settings().poll_seconds)
    if change.additional_regions is not None:
        regions = wait_for_regions(hsm, change.additional_regions)
        if regions.status != "done":
            return regions
    record = archive.find_hsm_record(plan.hsm)
    if record is None:
        raise record_missing()
    request, before = plan.request, record.request.network
    if reach(request.network) == reach(before):
        # A plan names what a record of an earlier version does not, with defaults that nobody asked for.
        request = request.model_copy(update={"network": complete(before, hsm.network)})
    # Idempotent: the record becomes what it already is.
    archive.write_hsm_record(record.model_copy(update={"request": request}))
    return done(uri=hsm.uri, resourceId=hsm.resource_id)
