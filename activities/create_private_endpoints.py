"""Ask for the private endpoints of the HSM, and for their names in a private DNS zone."""

from activities.connecting import is_recorded, note_made, wanted_endpoints
from clients.private_endpoints import (
    approve,
    find_endpoint,
    find_zone_group,
    may_approve,
    put_endpoint,
    put_zone_group,
    remove_zone_group,
)
from clients.upkeep import remove
from domain.errors import ServiceError, service_error
from domain.handover.network import WantedEndpoint, endpoint_differs, endpoint_is_cut, zone_differs
from domain.hsm import Hsm
from domain.outcomes import Outcome, Work, done


def create_private_endpoints(work: Work) -> Outcome:
    """Ask for each endpoint that is missing; for its zone group once Azure has made it.

    What Azure is still making is waited for by the next step, after which this one is taken again.
    """
    connected, wanted = wanted_endpoints(work)
    approving = may_approve(connected.hsm.resource_id)
    for endpoint in wanted:
        _connect(connected.hsm, endpoint, approving=approving)
    return done()


def _connect(hsm: Hsm, wanted: WantedEndpoint, *, approving: bool) -> None:
    found = find_endpoint(wanted.resource_id)
    if found is not None and not found.is_for(hsm.resource_id, wanted):
        raise endpoint_differs(wanted.name)
    if found is None:
        # Recorded before it is made, so that none is ever forgotten; one that others made is never recorded.
        note_made(hsm.name, wanted.resource_id)
    # Idempotent: it has a name of ours, and one that is there is not asked for again, unless Azure failed to make it.
    if found is None or found.provisioning_state == "Failed":
        put_endpoint(hsm.resource_id, wanted, approved=approving)
    elif found.provisioning_state == "Deleting":
        raise _being_replaced(wanted)
    elif found.provisioning_state == "Succeeded":
        if found.connection == "Disconnected":
            raise _replace(hsm, wanted)
        if found.connection == "Pending" and approving:
            approve(hsm, wanted.resource_id)
        if wanted.zone is not None:
            _enter(hsm, wanted, wanted.zone)


def _enter(hsm: Hsm, wanted: WantedEndpoint, zone: str) -> None:
    """Have the endpoint's name kept in the zone; what Azure is still at is left to it."""
    group = find_zone_group(wanted.resource_id)
    # Idempotent: a group that keeps it there is not asked for again, unless Azure failed to make it.
    if group is None or (group.keeps_in(zone) and group.provisioning_state == "Failed"):
        put_zone_group(wanted.resource_id, zone)
    elif not group.keeps_in(zone) and group.provisioning_state in ("Succeeded", "Failed"):
        if not is_recorded(hsm.name, wanted.resource_id):
            raise zone_differs(wanted.name)
        # Azure does not put another zone in the place of one (source: hashicorp/terraform-provider-azurerm issue
        # 27559): the group is deleted, and asked for anew once it is gone.
        remove_zone_group(wanted.resource_id)


def _replace(hsm: Hsm, wanted: WantedEndpoint) -> ServiceError:
    """Delete what was connected to an HSM that was deleted since: the same PUT does not connect it anew."""
    if not is_recorded(hsm.name, wanted.resource_id):
        return endpoint_is_cut(wanted.name)
    remove(wanted.resource_id)
    return _being_replaced(wanted)


def _being_replaced(wanted: WantedEndpoint) -> ServiceError:
    return service_error(
        "private_endpoint_replaced",
        f"The private endpoint {wanted.name} connects to nothing any more: it is deleted, and then made anew.",
        advice="It is tried again. If it does not help, see in Azure what keeps the endpoint from being deleted.",
        retryable=True,
        retry_after=30,
    )
