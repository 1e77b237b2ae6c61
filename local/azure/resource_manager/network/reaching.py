"""How a caller comes to an HSM's data plane: over the internet, over a private endpoint, or not at all."""

from enum import Enum, auto
from typing import TYPE_CHECKING

from local.azure.resource_manager.hsm_resource import HsmResource
from local.azure.resource_manager.network.private_dns import HSM_ZONE, PrivateDnsZone, ZoneLink, list_records
from local.azure.resource_manager.network.private_endpoints import read_state
from local.azure.resource_manager.network.virtual_networks import KEY_VAULT, Subnet

if TYPE_CHECKING:
    from local.azure.resource_manager.models import ResourceManager


class Way(Enum):
    """How a caller comes."""

    PUBLIC = auto()
    PRIVATE = auto()
    # The name does not resolve, or nobody answers at the address that it resolves to.
    NONE = auto()


def find_way(manager: "ResourceManager", hsm: HsmResource, caller: str) -> Way:
    """Say how a caller comes to an HSM, by the subnet that its requests come from.

    Public DNS has an alias into the private link's zone only for an HSM with a connection (source: Azure Private
    Endpoint DNS documentation): without one the name resolves to the public address everywhere.
    """
    subnet = find_subnet(manager, caller)
    link = None if subnet is None else _find_link(manager, subnet)
    if link is None or not hsm.connections:
        return Way.PUBLIC
    zone = manager.neighbours.require(PrivateDnsZone, link.zone_id)
    record = next((item for item in list_records(manager.neighbours, zone) if item.name == hsm.name), None)
    if record is None:
        return Way.PUBLIC if link.resolution_policy == "NxDomainRedirect" else Way.NONE
    approved = record.endpoint.ready and read_state(manager, record.endpoint).status == "Approved"
    return Way.PRIVATE if approved else Way.NONE


def is_admitted_by_subnet(manager: "ResourceManager", hsm: HsmResource, caller: str) -> bool:
    """Say whether a rule of an HSM admits the caller's subnet, which needs the service endpoint."""
    subnet = find_subnet(manager, caller)
    if subnet is None or not subnet.reaches(KEY_VAULT):
        return False
    rules = (hsm.properties.get("networkAcls") or {}).get("virtualNetworkRules") or []
    return any(rule["id"].lower() == subnet.id.lower() for rule in rules)


def find_subnet(manager: "ResourceManager", caller: str) -> Subnet | None:
    """Find the subnet that a caller's requests come from; None for the internet."""
    identifier = manager.integrations.get(caller.lower())
    return None if identifier is None else manager.neighbours.find(Subnet, identifier)


def _find_link(manager: "ResourceManager", subnet: Subnet) -> ZoneLink | None:
    """Find the link of the subnet's virtual network to the private link's zone."""
    for link in manager.neighbours.list(ZoneLink):
        name = link.zone_id.rpartition("/")[2].lower()
        if link.ready and name == HSM_ZONE and link.network_id.lower() == subnet.network_id.lower():
            return link
    return None
