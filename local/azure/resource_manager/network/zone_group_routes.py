"""Zone groups of private endpoints as resources."""

from typing import Final

from starlette.responses import JSONResponse, Response

from local.azure.core.errors import ServiceFault
from local.azure.resource_manager.calls import GROUP, Call, HandlerRoute, at, perform
from local.azure.resource_manager.network.bodies import ZoneGroupBody
from local.azure.resource_manager.network.operations import respond
from local.azure.resource_manager.network.private_dns import ZoneGroup, describe_zone_group, put_zone_group
from local.azure.resource_manager.network.private_endpoints import PrivateEndpoint

_GROUPS: Final = GROUP + "/providers/Microsoft.Network/privateEndpoints/{endpoint}/privateDnsZoneGroups"
_ZONE_GROUP: Final = _GROUPS + "/{zone_group}"
_ACTION: Final = "Microsoft.Network/privateEndpoints/privateDnsZoneGroups"
_JOIN: Final = "Microsoft.Network/privateDnsZones/join/action"


async def put_group(call: Call) -> Response:
    """Keep a private endpoint's record in the zone `privatelink.managedhsm.azure.net`, by who may join the zone.

    Assumes: the code of the refusal of a second group, and of another zone in the place of one; the end of the message
    of `InvalidPrivateDnsZoneIds`; an endpoint that is not provisioned, or a group that is being deleted, is 409
    `AnotherOperationInProgress`; a zone of another name gets no record, and no refusal.
    """
    manager, endpoint = call.manager, _find_endpoint(call)
    body, known = await call.read(ZoneGroupBody), manager.neighbours.find(ZoneGroup, call.scope)
    if not endpoint.ready or (known is not None and known.deletion is not None):
        message = f"Another operation on this or dependent resource is in progress: {endpoint.id}."
        raise ServiceFault(409, "AnotherOperationInProgress", message)
    for config in body.properties.private_dns_zone_configs:
        call.require_linked(f"{_ACTION}/write", config.properties.private_dns_zone_id, _JOIN)
    group = put_zone_group(manager.neighbours, endpoint, known.id if known else call.scope, body)
    stays = known is not None and known.state != "Failed" and known.configs == group.configs
    group.progress = (known.progress if known and stays else None) or manager.begin_connecting()
    operation = manager.begin_operation(call.subscription.id, endpoint.location, group.progress)
    return respond(call, operation, 200 if known else 201, describe_zone_group(manager.neighbours, group))


async def get_group(call: Call) -> Response:
    """Give a zone group, with its zones and the records in them."""
    group = call.manager.neighbours.require(ZoneGroup, call.scope)
    return JSONResponse(describe_zone_group(call.manager.neighbours, group))


async def list_groups(call: Call) -> Response:
    """List the zone groups of a private endpoint: there is one at most."""
    endpoint, neighbours = _find_endpoint(call), call.manager.neighbours
    groups = neighbours.list(ZoneGroup, endpoint.id)
    return call.respond_with_page([describe_zone_group(neighbours, group) for group in groups])


async def delete_group(call: Call) -> Response:
    """Delete a zone group with its records; 204 where there is none."""
    manager, group = call.manager, call.manager.neighbours.find(ZoneGroup, call.scope)
    if group is None:
        return Response(status_code=204)
    location = manager.neighbours.require(PrivateEndpoint, group.endpoint_id).location
    if group.deletion is None:
        seconds = manager.timing.network_seconds
        group.deletion = manager.begin("Deleting", seconds, lambda: manager.neighbours.remove(group))
    return respond(call, manager.begin_operation(call.subscription.id, location, group.deletion), 202)


def _find_endpoint(call: Call) -> PrivateEndpoint:
    identifier = call.scope.partition("/privateDnsZoneGroups")[0]
    return call.manager.neighbours.require(PrivateEndpoint, identifier)


ROUTES: Final[tuple[HandlerRoute, ...]] = (
    ("GET", _GROUPS, at(_GROUPS, perform(f"{_ACTION}/read", list_groups))),
    ("PUT", _ZONE_GROUP, at(_ZONE_GROUP, perform(f"{_ACTION}/write", put_group))),
    ("GET", _ZONE_GROUP, at(_ZONE_GROUP, perform(f"{_ACTION}/read", get_group))),
    ("DELETE", _ZONE_GROUP, at(_ZONE_GROUP, perform(f"{_ACTION}/delete", delete_group))),
)
