"""Virtual networks with their subnets, and the addresses that these give out."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from ipaddress import ip_network
from itertools import islice
from typing import ClassVar, Final

from local.azure.core.errors import ServiceFault
from local.azure.resource_manager.neighbours import Neighbour, Neighbours
from local.azure.resource_manager.network.bodies import SubnetBody, SubnetProperties, VirtualNetworkBody

KEY_VAULT: Final = "Microsoft.KeyVault"
# Of each subnet Azure keeps the first four addresses and the last one (source: Virtual Network FAQ).
_KEPT_FIRST: Final = 3


@dataclass(kw_only=True)
class VirtualNetwork(Neighbour):
    """A virtual network; its subnets are resources of their own."""

    kind: ClassVar[str] = "Microsoft.Network/virtualNetworks"

    address_prefixes: list[str]
    guid: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(kw_only=True)
class Subnet(Neighbour):
    """A part of a virtual network."""

    kind: ClassVar[str] = "Microsoft.Network/virtualNetworks/subnets"

    properties: SubnetProperties

    @property
    def network_id(self) -> str:
        """The id of its virtual network."""
        return self.id.rsplit("/", 2)[0]

    @property
    def prefixes(self) -> list[str]:
        """Its address ranges."""
        return self.properties.address_prefixes or [self.properties.address_prefix or "10.0.0.0/24"]

    def reaches(self, service: str) -> bool:
        """Say whether it has the service endpoint of a service."""
        return any(endpoint.service.lower() == service.lower() for endpoint in self.properties.service_endpoints)

    def find_free_address(self, taken: Collection[str]) -> str:
        """Give the first address that nobody has; raises ServiceFault 400 `SubnetIsFull`."""
        for prefix in self.prefixes:
            for address in islice(ip_network(prefix, strict=False).hosts(), _KEPT_FIRST, None):
                if str(address) not in taken:
                    return str(address)
        message = f"Subnet {self.name} with address prefix {self.prefixes[0]} is already full."
        raise ServiceFault(400, "SubnetIsFull", message)


def put_network(neighbours: Neighbours, identifier: str, body: VirtualNetworkBody) -> VirtualNetwork:
    """Make a virtual network, or change it, with the subnets that the body names; others stay.

    Raises ServiceFault 400, and makes nothing, where one of them is outside its addresses.
    """
    known = neighbours.find(VirtualNetwork, identifier)
    network = VirtualNetwork(
        id=known.id if known else identifier,
        location=body.location,
        tags=body.tags,
        address_prefixes=body.properties.address_space.address_prefixes,
    )
    subnets = [_make_subnet(neighbours, f"{network.id}/subnets/{item.name}", item) for item in body.properties.subnets]
    for subnet in subnets:
        _check_addresses(network, subnet)
    for made in (network, *subnets):
        neighbours.put(made)
    return network


def put_subnet(neighbours: Neighbours, identifier: str, body: SubnetBody) -> Subnet:
    """Make a subnet, or change it; raises ServiceFault 400 where the virtual network has no such addresses."""
    network = neighbours.require(VirtualNetwork, identifier.rsplit("/", 2)[0])
    subnet = _make_subnet(neighbours, identifier, body)
    _check_addresses(network, subnet)
    neighbours.put(subnet)
    return subnet


def _make_subnet(neighbours: Neighbours, identifier: str, body: SubnetBody) -> Subnet:
    known = neighbours.find(Subnet, identifier)
    return Subnet(id=known.id if known else identifier, properties=body.properties)


def _check_addresses(network: VirtualNetwork, subnet: Subnet) -> None:
    if not all(_is_in(prefix, network.address_prefixes) for prefix in subnet.prefixes):
        message = (
            f"Subnet '{subnet.name}' is not valid because its IP address range is outside the IP address range of "
        )
        raise ServiceFault(400, "NetcfgSubnetRangeOutsideVnet", f"{message}virtual network '{network.name}'.")


def list_subnets(neighbours: Neighbours, network: VirtualNetwork) -> list[Subnet]:
    """List the subnets of a virtual network."""
    return neighbours.list(Subnet, network.id)


def _is_in(prefix: str, ranges: Collection[str]) -> bool:
    inner = ip_network(prefix, strict=False)
    outers = [ip_network(item, strict=False) for item in ranges]
    return any(
        inner.version == outer.version and inner.network_address in outer and inner.broadcast_address in outer
        for outer in outers
    )
