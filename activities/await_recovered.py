"""Ask once whether Azure has brought the HSM back; the orchestrator waits."""

from activities.context import approved_plan_of
from activities.decommissioning import record_of
from activities.recover_hsm import is_on_its_way
from clients import archive, resource_manager
from clients.ownership import hsm_exists, is_recovered
from domain.errors import ServiceError, service_error
from domain.outcomes import Outcome, Work, done, wait
from domain.settings import settings


def await_recovered(work: Work) -> Outcome:
    """Read the HSM's state, and once it is there again record when Azure says that it was made, and no deletion."""
    record = record_of(approved_plan_of(work, "recover"))
    hsm = resource_manager.find_hsm(record.subscription_id, record.resource_group, record.hsm)
    if hsm is None:
        if is_on_its_way(record):
            return wait(settings().poll_seconds)
        raise _failed()
    if not is_recovered(hsm, record):
        raise hsm_exists()
    if hsm.provisioning_state == "Failed":
        raise _failed()
    if hsm.provisioning_state not in ("Succeeded", "Activated"):
        return wait(settings().poll_seconds)
    # Idempotent: the record becomes what it already is.
    archive.write_hsm_record(record.model_copy(update={"made_at": hsm.made_at, "decommissioned": None}))
    return done()


def _failed() -> ServiceError:
    return service_error(
        "recovery_failed",
        "Azure did not bring the HSM back.",
        advice="Nothing is lost while it is kept. Send the request again.",
    )
