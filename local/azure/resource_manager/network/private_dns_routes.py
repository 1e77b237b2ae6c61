"""Private DNS zones, their links and their records as resources."""

from typing import Final

from starlette.responses import JSONResponse, Response

from local.azure.core.errors import ServiceFault
from local.azure.resource_manager.calls import GROUP, Call, HandlerRoute, at, perform
from local.azure.resource_manager.neighbours import not_found
from local.azure.resource_manager.network.bodies import ZoneBody, ZoneLinkBody
from local.azure.resource_manager.network.operations import respond_of_zone
from local.azure.resource_manager.network.private_dns import (
    PrivateDnsZone,
    ZoneLink,
    describe_link,
    describe_record,
    describe_zone,
    list_records,
    put_link,
)
from local.azure.resource_manager.network.virtual_networks import VirtualNetwork

_ZONES: Final = GROUP + "/providers/Microsoft.Network/privateDnsZones"
_ZONE: Final = _ZONES + "/{zone}"
_LINK: Final = _ZONE + "/virtualNetworkLinks/{link}"
_RECORD: Final = _ZONE + "/A/{record}"
_ACTION: Final = "Microsoft.Network/privateDnsZones"
_JOIN: Final = "Microsoft.Network/virtualNetworks/join/action"


async def put_zone(call: Call) -> Response:
    """Create a private DNS zone, or give it other tags: 202 with `Azure-AsyncOperation`.

    Leaves out: deletion, conditions (`If-Match`), and names that Azure does not allow.
    """
    call.find_group()
    body = await call.read(ZoneBody)
    known = call.manager.neighbours.find(PrivateDnsZone, call.scope)
    zone = known or PrivateDnsZone(id=call.scope, location=body.location)
    zone.tags = body.tags
    call.manager.neighbours.put(zone)
    return _begin(call, zone)


async def get_zone(call: Call) -> Response:
    """Give a private DNS zone."""
    return JSONResponse(describe_zone(call.manager.neighbours, _find_zone(call)))


async def list_zones(call: Call) -> Response:
    """List the private DNS zones of a resource group."""
    call.find_group()
    zones = call.manager.neighbours.list(PrivateDnsZone, call.scope)
    return call.respond_with_page([describe_zone(call.manager.neighbours, zone) for zone in zones])


async def put_zone_link(call: Call) -> Response:
    """Link a private DNS zone to a virtual network, by who may join that; one has no second zone of the same name.

    Leaves out: deletion, and what `registrationEnabled` does.

    Assumes: a virtual network that is not there is 400 `BadRequest`.
    """
    _find_zone(call)
    body = await call.read(ZoneLinkBody)
    network_id = body.properties.virtual_network.id
    call.require_linked(f"{_ACTION}/virtualNetworkLinks/write", network_id, _JOIN)
    network = call.manager.neighbours.find(VirtualNetwork, network_id)
    if network is None:
        raise ServiceFault(400, "BadRequest", f"The virtual network '{network_id}' was not found.")
    link = ZoneLink(
        id=call.scope,
        location=body.location,
        tags=body.tags,
        network_id=network.id,
        registration=body.properties.registration_enabled,
        resolution_policy=body.properties.resolution_policy,
    )
    put_link(call.manager.neighbours, link)
    return _begin(call, link)


async def get_zone_link(call: Call) -> Response:
    """Give a link of a private DNS zone."""
    return JSONResponse(describe_link(call.manager.neighbours.require(ZoneLink, call.scope)))


async def list_zone_links(call: Call) -> Response:
    """List the links of a private DNS zone."""
    links = call.manager.neighbours.list(ZoneLink, _find_zone(call).id)
    return call.respond_with_page([describe_link(link) for link in links])


async def list_a_records(call: Call) -> Response:
    """List the A record sets of a private DNS zone: zone groups keep them.

    Leaves out: records that somebody else makes, and other kinds than A.
    """
    zone = _find_zone(call)
    records = list_records(call.manager.neighbours, zone)
    return call.respond_with_page([describe_record(zone, record) for record in records])


async def get_a_record(call: Call) -> Response:
    """Give the A record set of an HSM, with the address of its private endpoint."""
    zone, name = _find_zone(call), call.path("record").lower()
    found = next((item for item in list_records(call.manager.neighbours, zone) if item.name == name), None)
    if found is None:
        raise not_found("Microsoft.Network/privateDnsZones/A", call.scope)
    return JSONResponse(describe_record(zone, found))


def _begin(call: Call, made: PrivateDnsZone | ZoneLink) -> Response:
    manager = call.manager
    made.progress = manager.timing.begin([("Updating", manager.timing.network_seconds)], "Succeeded")
    operation = manager.begin_operation(call.subscription.id, "global", made.progress)
    body = describe_link(made) if isinstance(made, ZoneLink) else describe_zone(manager.neighbours, made)
    return respond_of_zone(call, operation, body)


def _find_zone(call: Call) -> PrivateDnsZone:
    """Find the zone that the path names; what else it may name is a part of it."""
    place = f"/providers/{PrivateDnsZone.kind}/".lower()
    begin = call.scope.lower().index(place) + len(place)
    end = begin + len(call.path("zone"))
    return call.manager.neighbours.require(PrivateDnsZone, call.scope[:end])


ROUTES: Final[tuple[HandlerRoute, ...]] = (
    ("GET", _ZONES, perform(f"{_ACTION}/read", list_zones)),
    ("PUT", _ZONE, at(_ZONE, perform(f"{_ACTION}/write", put_zone))),
    ("GET", _ZONE, at(_ZONE, perform(f"{_ACTION}/read", get_zone))),
    ("GET", _ZONE + "/virtualNetworkLinks", at(_ZONE, perform(f"{_ACTION}/virtualNetworkLinks/read", list_zone_links))),
    ("PUT", _LINK, at(_LINK, perform(f"{_ACTION}/virtualNetworkLinks/write", put_zone_link))),
    ("GET", _LINK, at(_LINK, perform(f"{_ACTION}/virtualNetworkLinks/read", get_zone_link))),
    ("GET", _ZONE + "/A", at(_ZONE, perform(f"{_ACTION}/A/read", list_a_records))),
    ("GET", _RECORD, at(_RECORD, perform(f"{_ACTION}/A/read", get_a_record))),
)
