"""What the service made around an HSM, by our record of it, and what of it is there, or is not any more."""

from collections.abc import Callable, Iterator

from clients import upkeep
from clients.alerts import watches_purge
from clients.handovers import wanted_handover_of
from clients.private_endpoints import find_endpoint
from domain.errors import RefusedByAzure
from domain.handover.network import endpoints_of
from domain.records import HsmRecord


def find_gone(record: HsmRecord) -> Iterator[str]:
    """Give the resource ids of what is wanted, was made, and is not there, or is a private endpoint to nothing.

    What the service may not look at is not said to be gone. What nobody asks for any more stays, or may go.
    """
    wanted = wanted_handover_of(record.request)
    made = (
        record.diagnostics if wanted.diagnostics else None,
        record.lock if wanted.lock else None,
        *(record.alerts if wanted.alerts else ()),
    )
    for resource in filter(None, made):
        seen, found = _look(upkeep.find, resource)
        if seen and found is None:
            yield resource
    asked = endpoints_of(record.resource_id, wanted.private_endpoints or [])
    names = {endpoint.resource_id.lower() for endpoint in asked}
    endpoints = [place for place in record.private_endpoints if place.lower() in names]
    yield from filter(_connects_to_nothing, endpoints)


def _connects_to_nothing(endpoint_id: str) -> bool:
    """Say whether a private endpoint is not there, or its HSM was deleted since: Azure does not connect it anew."""
    seen, found = _look(find_endpoint, endpoint_id)
    return seen and (found is None or found.connection == "Disconnected")


def is_anything_left(record: HsmRecord) -> bool:
    """Say whether something is there still that is deleted after the HSM: alert rules, private endpoints.

    What the service may not look at is not said to be there.
    """
    rules = [rule for rule in record.alerts if record.purged or not watches_purge(rule)]
    if any(_look(upkeep.find, rule)[1] is not None for rule in rules):
        return True
    endpoints = (_look(find_endpoint, endpoint_id)[1] for endpoint_id in record.private_endpoints)
    return any(endpoint is not None and endpoint.is_of(record.resource_id) for endpoint in endpoints)


def _look[Found](find: Callable[[str], Found | None], resource_id: str) -> tuple[bool, Found | None]:
    """Say whether the service may look at a resource, and what it found."""
    try:
        return True, find(resource_id)
    except RefusedByAzure as refusal:
        if refusal.detail.code != "azure_forbidden":
            raise
        return False, None
