"""Ask Azure to delete the private endpoints that the service made for an HSM that is gone."""

import logging

from activities.context import approved_plan_of, commit
from activities.decommissioning import find_any_hsm, lives_again, record_of
from clients.private_endpoints import find_endpoint
from clients.upkeep import remove
from domain.outcomes import Outcome, Work, done
from domain.records import Notice

_log = logging.getLogger("hsm_provisioner.activities")


def delete_private_endpoints(work: Work) -> Outcome:
    """Delete what our record names, each with its zone group and its address record, which go with it in Azure.

    One that connects to something else by now is somebody else's: it is left, and the operation warns. They stay
    recorded while the HSM can be recovered: then they are missed. Raises ServiceError `hsm_lives_again`.
    """
    plan = approved_plan_of(work, "decommission")
    record = record_of(plan)
    if find_any_hsm(record) is not None:
        raise lives_again()
    commit(work, "decommission")
    others = []
    for endpoint_id in record.private_endpoints:
        found = find_endpoint(endpoint_id)
        if found is not None and not found.is_of(record.resource_id):
            _log.warning("%s connects to something else by now, and is left", endpoint_id)
            others.append(endpoint_id)
        # Idempotent: what is gone, or on its way, was deleted before.
        elif found is not None and found.provisioning_state != "Deleting":
            remove(endpoint_id)
    if not others:
        return done()
    warnings = [*plan.warnings, *map(_left, others)]
    return done(warnings=[warning.model_dump(mode="json", by_alias=True) for warning in warnings])


def _left(endpoint_id: str) -> Notice:
    return Notice(
        code="private_endpoint_left",
        message=f"The private endpoint {endpoint_id} connects to something else by now, so that it was not deleted.",
    )
