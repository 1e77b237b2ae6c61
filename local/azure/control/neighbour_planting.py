"""Resources around the HSMs that are there at once, as if somebody had made them long ago."""

import json
from collections.abc import Callable
from typing import Final

from local.azure.control.models import NewResource
from local.azure.core.errors import ServiceFault
from local.azure.resource_manager.bodies import read_body
from local.azure.resource_manager.locations import plain_location
from local.azure.resource_manager.models import ResourceManager
from local.azure.resource_manager.monitor.targets import ActionGroup, EventHubRule, StorageAccount, Workspace
from local.azure.resource_manager.network.bodies import VirtualNetworkBody, ZoneLinkBody
from local.azure.resource_manager.network.private_dns import PrivateDnsZone, ZoneLink, put_link
from local.azure.resource_manager.network.virtual_networks import VirtualNetwork, put_network
from local.azure.resource_manager.subscriptions import ResourceGroup
from local.azure.world import World


def plant_resource(world: World, new: NewResource) -> None:
    """Plant a resource, and its resource group if need be; raises ServiceFault 400 or 404."""
    parts = new.id.split("/")
    # /subscriptions/S/resourceGroups/G/providers/P/KIND/NAME, and perhaps /KIND/NAME.
    kind = "/".join([*parts[6:8], *parts[9:10]]).lower()
    planter = next((planter for name, planter in _PLANTERS.items() if name.lower() == kind), None)
    if planter is None:
        raise ServiceFault(400, "UnknownKind", f"The local Azure cannot plant '{new.id}'.")
    group = ResourceGroup(parts[4], plain_location(new.location), {})
    world.find_subscription(parts[2]).groups.setdefault(parts[4].lower(), group)
    planter(world.manager, new)


def _plant_network(manager: ResourceManager, new: NewResource) -> None:
    put_network(manager.neighbours, new.id, read_body(VirtualNetworkBody, _write_body(new)))


def _plant_zone(manager: ResourceManager, new: NewResource) -> None:
    manager.neighbours.put(PrivateDnsZone(id=new.id, location="global", tags=new.tags))


def _plant_link(manager: ResourceManager, new: NewResource) -> None:
    properties = read_body(ZoneLinkBody, json.dumps({"properties": new.properties}).encode()).properties
    manager.neighbours.require(PrivateDnsZone, new.id.rsplit("/", 2)[0])
    link = ZoneLink(
        id=new.id,
        location="global",
        tags=new.tags,
        network_id=manager.neighbours.require(VirtualNetwork, properties.virtual_network.id).id,
        registration=properties.registration_enabled,
        resolution_policy=properties.resolution_policy,
    )
    put_link(manager.neighbours, link)


def _plant_workspace(manager: ResourceManager, new: NewResource) -> None:
    location = plain_location(new.location)
    manager.neighbours.put(Workspace(id=new.id, location=location, tags=new.tags, properties=new.properties))


def _plant_action_group(manager: ResourceManager, new: NewResource) -> None:
    manager.neighbours.put(ActionGroup(id=new.id, location="global", tags=new.tags, properties=new.properties))


def _plant_account(manager: ResourceManager, new: NewResource) -> None:
    manager.neighbours.put(StorageAccount(id=new.id, location=plain_location(new.location), tags=new.tags))


def _plant_hub_rule(manager: ResourceManager, new: NewResource) -> None:
    manager.neighbours.put(EventHubRule(id=new.id))


def _write_body(new: NewResource) -> bytes:
    return json.dumps({"location": new.location, "tags": new.tags, "properties": new.properties}).encode()


_PLANTERS: Final[dict[str, Callable[[ResourceManager, NewResource], None]]] = {
    VirtualNetwork.kind: _plant_network,
    PrivateDnsZone.kind: _plant_zone,
    ZoneLink.kind: _plant_link,
    Workspace.kind: _plant_workspace,
    ActionGroup.kind: _plant_action_group,
    StorageAccount.kind: _plant_account,
    EventHubRule.kind: _plant_hub_rule,
}
