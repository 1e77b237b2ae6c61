"""Private endpoints: what they connect to, whether they are let in, and the addresses that they have."""

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final

from local.azure.core.errors import ServiceFault
from local.azure.resource_manager.bodies import ConnectionState
from local.azure.resource_manager.hsm_resource import HsmResource, PrivateEndpointConnection
from local.azure.resource_manager.neighbours import Neighbour, Neighbours
from local.azure.resource_manager.network.bodies import EndpointBody, LinkService
from local.azure.resource_manager.network.virtual_networks import Subnet, VirtualNetwork

if TYPE_CHECKING:
    from local.azure.resource_manager.models import ResourceManager

# The specification's examples have the plural, the documentation has the singular: both are taken.
GROUP_IDS: Final = frozenset({"managedhsm", "managedhsms"})
_HSMS: Final = "Microsoft.KeyVault/managedHSMs"


@dataclass(kw_only=True)
class PrivateEndpoint(Neighbour):
    """An address in a subnet that stands for an HSM."""

    kind: ClassVar[str] = "Microsoft.Network/privateEndpoints"

    subnet_id: str
    address: str
    # The HSM that it was made for.
    target_id: str
    group_id: str
    link_name: str
    manual: bool
    request_message: str
    # The name of its connection among those of the HSM.
    connection_name: str
    interface_name: str
    custom_interface_name: str = ""
    guid: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def interface_id(self) -> str:
        """The id of its network interface."""
        return f"{self.id.rsplit('/', 2)[0]}/networkInterfaces/{self.interface_name}"

    @property
    def target_name(self) -> str:
        """The name of the HSM."""
        return self.target_id.rpartition("/")[2].lower()

    @property
    def fqdn(self) -> str:
        """The name of the HSM's data plane."""
        return f"{self.target_name}.managedhsm.azure.net"

    def is_for(self, link: LinkService, *, manual: bool) -> bool:
        """Say whether it connects to what is asked for, in the same way."""
        asked = link.properties
        return (self.target_id.lower(), self.link_name.lower(), self.manual, [self.group_id.lower()]) == (
            asked.private_link_service_id.lower(),
            link.name.lower(),
            manual,
            [name.lower() for name in asked.group_ids],
        )


def read_link(identifier: str, body: EndpointBody) -> tuple[LinkService, bool]:
    """Give the one connection that is asked for, and whether somebody is to approve it; raises ServiceFault 400."""
    asked = body.properties
    links = [*asked.private_link_service_connections, *asked.manual_private_link_service_connections]
    if len(links) != 1:
        message = f"Private endpoint {identifier} must have exactly one private link service connection."
        raise ServiceFault(400, "InvalidRequestFormat", message)
    (link,) = links
    connection = f"{identifier}/privateLinkServiceConnections/{link.name}"
    groups, target = link.properties.group_ids, link.properties.private_link_service_id
    if not groups:
        message = f"Private link service connection {connection} is missing required parameter 'group Id'."
        raise ServiceFault(400, "MissingParameterOnPrivateLinkServiceConnection", message)
    if len(groups) > 1:
        message = (
            f"Private link service connection {connection} has the following group Ids: {', '.join(groups)}. Only one "
            f"group Id is permitted when connecting to a first-party resource ({target})."
        )
        raise ServiceFault(400, "OnlyOneGroupIdPermitted", message)
    return link, not asked.private_link_service_connections


def require_subnet(neighbours: Neighbours, identifier: str, body: EndpointBody) -> Subnet:
    """Find the subnet that an endpoint is to be in, in its own region; raises ServiceFault 400."""
    subnet = neighbours.find(Subnet, body.properties.subnet.id)
    network = None if subnet is None else neighbours.find(VirtualNetwork, subnet.network_id)
    if subnet is None or network is None or network.location != body.location:
        raise unknown_reference(body.properties.subnet.id, identifier)
    return subnet


def unknown_reference(identifier: str, referenced_by: str) -> ServiceFault:
    """Refuse what refers to a resource that is not there (source: dmauser/opnazure issue 5)."""
    message = (
        f"Resource {identifier} referenced by resource {referenced_by} was not found. Please make sure that the "
        "referenced resource exists, and that both resources are in the same region."
    )
    return ServiceFault(400, "InvalidResourceReference", message)


def require_target(manager: "ResourceManager", identifier: str, link: LinkService) -> HsmResource:
    """Find the HSM that an endpoint is to connect to; raises ServiceFault 400."""
    asked = link.properties
    hsm = manager.find_by_id(asked.private_link_service_id)
    if hsm is None:
        raise unknown_reference(asked.private_link_service_id, identifier)
    if asked.group_ids[0].lower() not in GROUP_IDS:
        raise _failed_call("Invalid groupId")
    if not hsm.ready or hsm.deletion is not None:
        raise _failed_call(f"The Managed HSM '{hsm.name}' is in the state {hsm.state}")
    return hsm


def make_endpoint(
    neighbours: Neighbours, identifier: str, body: EndpointBody, subnet: Subnet, hsm: HsmResource
) -> PrivateEndpoint:
    """Make an endpoint, which asks the HSM for a connection; one that need not be approved is approved at once."""
    link, manual = read_link(identifier, body)
    name = identifier.rpartition("/")[2]
    custom = body.properties.custom_network_interface_name
    endpoint = PrivateEndpoint(
        id=identifier,
        location=body.location,
        tags=body.tags,
        subnet_id=subnet.id,
        address=subnet.find_free_address({item.address for item in _list_in_network(neighbours, subnet)}),
        target_id=hsm.resource_id,
        group_id=link.properties.group_ids[0],
        link_name=link.name,
        manual=manual,
        request_message=link.properties.request_message,
        connection_name=f"{name}_{uuid.uuid4()}",
        interface_name=custom or f"{name}.nic.{uuid.uuid4()}",
        custom_interface_name=custom,
    )
    state = ConnectionState(status="Pending" if manual else "Approved", description=endpoint.request_message)
    connection = PrivateEndpointConnection(endpoint.connection_name, identifier, state, uuid.uuid4().hex)
    hsm.connections[connection.name.lower()] = connection
    neighbours.put(endpoint)
    return endpoint


def find_connection(manager: "ResourceManager", endpoint: PrivateEndpoint) -> PrivateEndpointConnection | None:
    """Find an endpoint's connection; None where the HSM has it no more, as after a deletion."""
    hsm = manager.find_by_id(endpoint.target_id)
    return None if hsm is None else hsm.connections.get(endpoint.connection_name.lower())


def read_state(manager: "ResourceManager", endpoint: PrivateEndpoint) -> ConnectionState:
    """Give the state of an endpoint's connection: `Disconnected` where the HSM has it no more."""
    connection = find_connection(manager, endpoint)
    return ConnectionState(status="Disconnected") if connection is None else connection.state


def remove_endpoint(manager: "ResourceManager", endpoint: PrivateEndpoint) -> None:
    """Have an endpoint no more, nor its connection."""
    hsm = manager.find_by_id(endpoint.target_id)
    if hsm is not None:
        hsm.connections.pop(endpoint.connection_name.lower(), None)
    manager.neighbours.remove(endpoint)


def _list_in_network(neighbours: Neighbours, subnet: Subnet) -> list[PrivateEndpoint]:
    return [item for item in neighbours.list(PrivateEndpoint) if item.subnet_id.lower() == subnet.id.lower()]


def _failed_call(reason: str) -> ServiceFault:
    """Refuse what the resource's own provider refuses (source: hashicorp/terraform-provider-azurerm issue 11778)."""
    return ServiceFault(400, "BadRequest", f"Call to {_HSMS} failed. Error message: {reason}")
