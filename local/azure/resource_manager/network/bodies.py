"""What Microsoft.Network takes; members that it does not know are kept out."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from local.azure.resource_manager.bodies import AddressRange, Body, spelled_as
from local.azure.resource_manager.locations import plain_location

type Policy = Annotated[
    Literal["Enabled", "Disabled", "NetworkSecurityGroupEnabled", "RouteTableEnabled"],
    spelled_as("Enabled", "Disabled", "NetworkSecurityGroupEnabled", "RouteTableEnabled"),
]


class Reference(Body):
    """Another resource, by its id."""

    id: str


class ServiceEndpoint(Body):
    """A service that a subnet reaches under its own identity, such as Microsoft.KeyVault."""

    service: str


class DelegationProperties(Body):
    """The properties of a delegation."""

    service_name: str


class Delegation(Body):
    """A service to which a subnet is given, such as Microsoft.App/environments."""

    name: str
    properties: DelegationProperties


class SubnetProperties(Body):
    """The properties of a subnet; newer versions of the API have its address ranges in a list."""

    address_prefix: AddressRange | None = None
    address_prefixes: list[AddressRange] = Field(default_factory=list)
    service_endpoints: list[ServiceEndpoint] = Field(default_factory=list)
    delegations: list[Delegation] = Field(default_factory=list)
    private_endpoint_network_policies: Policy = "Disabled"
    private_link_service_network_policies: Policy = "Enabled"


class SubnetBody(Body):
    """The body of a subnet's PUT; as a part of a virtual network's it has a name."""

    name: str = ""
    properties: SubnetProperties = Field(default_factory=SubnetProperties)


class AddressSpace(Body):
    """The addresses of a virtual network."""

    address_prefixes: Annotated[list[AddressRange], Field(min_length=1)]


class VirtualNetworkProperties(Body):
    """The properties of a virtual network."""

    address_space: AddressSpace
    subnets: list[SubnetBody] = Field(default_factory=list)


class VirtualNetworkBody(Body):
    """The body of a virtual network's PUT."""

    location: Annotated[str, AfterValidator(plain_location)]
    tags: dict[str, str] = Field(default_factory=dict)
    properties: VirtualNetworkProperties


class LinkServiceProperties(Body):
    """What a private endpoint is to connect to."""

    private_link_service_id: str
    group_ids: list[str] = Field(default_factory=list)
    request_message: str = ""


class LinkService(Body):
    """A connection that a private endpoint asks for."""

    name: str
    properties: LinkServiceProperties


class EndpointProperties(Body):
    """The properties of a private endpoint."""

    subnet: Reference
    private_link_service_connections: list[LinkService] = Field(default_factory=list)
    manual_private_link_service_connections: list[LinkService] = Field(default_factory=list)
    custom_network_interface_name: str = ""


class EndpointBody(Body):
    """The body of a private endpoint's PUT."""

    location: Annotated[str, AfterValidator(plain_location)]
    tags: dict[str, str] = Field(default_factory=dict)
    properties: EndpointProperties


class ZoneConfigProperties(Body):
    """The properties of a zone in a zone group."""

    private_dns_zone_id: str


class ZoneConfig(Body):
    """A zone in which a zone group keeps records."""

    name: str
    properties: ZoneConfigProperties


class ZoneGroupProperties(Body):
    """The properties of a zone group."""

    private_dns_zone_configs: Annotated[list[ZoneConfig], Field(min_length=1, max_length=5)]


class ZoneGroupBody(Body):
    """The body of a zone group's PUT."""

    properties: ZoneGroupProperties


class ZoneBody(Body):
    """The body of a private DNS zone's PUT; zones are in no region."""

    location: Annotated[Literal["global"], spelled_as("global")] = "global"
    tags: dict[str, str] = Field(default_factory=dict)


class ZoneLinkProperties(Body):
    """The properties of a link."""

    virtual_network: Reference
    registration_enabled: bool = False
    resolution_policy: Annotated[Literal["Default", "NxDomainRedirect"], spelled_as("Default", "NxDomainRedirect")] = (
        "Default"
    )


class ZoneLinkBody(Body):
    """The body of the PUT of a link between a zone and a virtual network."""

    location: Annotated[Literal["global"], spelled_as("global")] = "global"
    tags: dict[str, str] = Field(default_factory=dict)
    properties: ZoneLinkProperties
