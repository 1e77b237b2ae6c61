"""Ask once whether Azure has deleted the HSM's private endpoints; the orchestrator waits."""

from activities.context import approved_plan_of
from activities.decommissioning import record_of
from activities.handing_over import note
from clients.private_endpoints import find_endpoint
from domain.outcomes import Outcome, Work, done, wait
from domain.settings import settings


def await_private_endpoints_deleted(work: Work) -> Outcome:
    """Look whether any of those that our record names still connects to the HSM.

    Of one that is purged they are not recorded any more then.
    """
    record = record_of(approved_plan_of(work, "decommission"))
    found = [find_endpoint(endpoint_id) for endpoint_id in record.private_endpoints]
    if any(endpoint is not None and endpoint.is_of(record.resource_id) for endpoint in found):
        return wait(settings().poll_seconds)
    if record.purged:
        # Idempotent: the record becomes what it already is.
        note(record.hsm, private_endpoints=[])
    return done()
