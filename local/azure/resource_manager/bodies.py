"""What ARM takes, in camelCase JSON; what a client may only read is ignored."""

from ipaddress import ip_network
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from local.azure.core.errors import ServiceFault
from local.azure.resource_manager.locations import plain_location
from local.azure.resource_manager.locks import LockLevel

# Source: azure-mgmt-keyvault 14.1.0, models/_enums.py, ManagedHsmSkuName.
SKUS: Final = frozenset(
    {
        *(f"Standard_{size}" for size in ("B1", "B1v2", "B5v2", "B10v2", "B15v2", "B20v2")),
        *(f"Custom_{size}" for size in ("B6", "B32", "C10", "C42")),
    }
)


def _known_sku(name: str) -> str:
    if name not in SKUS:
        message = "not a SKU"
        raise ValueError(message)
    return name


def _address_range(value: str) -> str:
    ip_network(value, strict=False)
    return value


type AddressRange = Annotated[str, AfterValidator(_address_range)]


def spelled_as(*words: str) -> BeforeValidator:
    """Take a word of a list in whatever case, and spell it as Azure does."""

    def spell(value: object) -> object:
        return next((word for word in words if word.lower() == str(value).lower()), value)

    return BeforeValidator(spell)


class Body(BaseModel):
    """A body in camelCase; members that it does not know are ignored."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)


class HsmSku(Body):
    """The SKU."""

    family: Annotated[Literal["B", "C"], spelled_as("B", "C")]
    name: Annotated[str, AfterValidator(_known_sku)]


class IpRule(Body):
    """An address, or a range of addresses, that may call."""

    value: AddressRange


class VirtualNetworkRule(Body):
    """A subnet that may call."""

    id: str


class ServiceTagRule(Body):
    """A service of Azure's that may call."""

    tag: str


class NetworkAcls(Body):
    """Who may call the data plane over the public endpoint."""

    bypass: Annotated[Literal["AzureServices", "None"], spelled_as("AzureServices", "None")] = "AzureServices"
    default_action: Annotated[Literal["Allow", "Deny"], spelled_as("Allow", "Deny")] = "Allow"
    ip_rules: list[IpRule] = Field(default_factory=list)
    virtual_network_rules: list[VirtualNetworkRule] = Field(default_factory=list)
    service_tags: list[ServiceTagRule] = Field(default_factory=list)


class HsmRegion(Body):
    """A region in which an HSM is, or is to be; `az keyvault region add` sends the name alone."""

    name: Annotated[str, AfterValidator(plain_location)]


class HsmIdentity(Body):
    """The managed identities of an HSM; an identity that a PATCH sets to null is taken away."""

    type: Annotated[
        Literal["None", "SystemAssigned", "UserAssigned", "SystemAssigned,UserAssigned"],
        spelled_as("None", "SystemAssigned", "UserAssigned", "SystemAssigned,UserAssigned"),
    ]
    user_assigned_identities: dict[str, dict[str, Any] | None] | None = None


class HsmProperties(Body):
    """All properties that a client can write; the Azure CLI sends the number of days as a string."""

    tenant_id: str | None = None
    initial_admin_object_ids: Annotated[list[str], Field(min_length=1)] | None = None
    soft_delete_retention_in_days: Annotated[int, Field(ge=7, le=90)] | None = None
    create_mode: Annotated[Literal["default", "recover"], spelled_as("default", "recover")] | None = None
    network_acls: NetworkAcls | None = None
    public_network_access: Annotated[Literal["Enabled", "Disabled"], spelled_as("Enabled", "Disabled")] | None = None
    enable_purge_protection: bool | None = None
    regions: list[HsmRegion] | None = None


class HsmUpdate(Body):
    """The body of a PATCH: anything that a PUT can say, and nothing that it must."""

    location: Annotated[str, AfterValidator(plain_location)] | None = None
    sku: HsmSku | None = None
    tags: dict[str, str] | None = None
    identity: HsmIdentity | None = None
    properties: HsmProperties = Field(default_factory=HsmProperties)


class HsmBody(HsmUpdate):
    """The body of a PUT."""

    location: Annotated[str, AfterValidator(plain_location)]
    sku: HsmSku
    properties: HsmProperties


class ConnectionState(Body):
    """What the HSM's owner says to a private endpoint that asks for a connection."""

    status: Annotated[
        Literal["Pending", "Approved", "Rejected", "Disconnected"],
        spelled_as("Pending", "Approved", "Rejected", "Disconnected"),
    ] = "Pending"
    description: str = ""
    actions_required: Literal["None"] = "None"


class PrivateEndpointReference(Body):
    """The private endpoint of a connection."""

    id: str


class ConnectionProperties(Body):
    """The properties of a private endpoint connection."""

    private_endpoint: PrivateEndpointReference | None = None
    private_link_service_connection_state: ConnectionState = Field(default_factory=ConnectionState)


class ConnectionBody(Body):
    """The body of a private endpoint connection's PUT."""

    properties: ConnectionProperties = Field(default_factory=ConnectionProperties)


class GroupBody(Body):
    """The body of a resource group's PUT."""

    location: Annotated[str, AfterValidator(plain_location)]
    tags: dict[str, str] | None = None


class GroupUpdate(Body):
    """The body of a resource group's PATCH."""

    tags: dict[str, str] | None = None


class LockProperties(Body):
    """The properties of a lock."""

    level: Annotated[LockLevel, spelled_as("CanNotDelete", "ReadOnly")]
    notes: Annotated[str, Field(max_length=512)] | None = None


class LockBody(Body):
    """The body of a lock's PUT."""

    properties: LockProperties


class GraphOptions(Body):
    """How the answer to a query is cut into pages."""

    model_config = ConfigDict(extra="forbid")

    top: Annotated[int, Field(ge=1, le=1000)] | None = Field(default=None, alias="$top")
    skip: Annotated[int, Field(ge=0)] | None = Field(default=None, alias="$skip")
    skip_token: str | None = Field(default=None, alias="$skipToken")
    result_format: Annotated[Literal["objectArray"], spelled_as("objectArray")] = "objectArray"


class GraphQuestion(Body):
    """The body of a query of Resource Graph."""

    model_config = ConfigDict(extra="forbid")

    query: str
    subscriptions: list[str] | None = None
    management_groups: list[str] | None = None
    options: GraphOptions = Field(default_factory=GraphOptions)


class NameQuestion(Body):
    """The body of a question for a name's availability."""

    name: str


class IdentityBody(Body):
    """The body of a user-assigned identity's PUT."""

    location: Annotated[str, AfterValidator(plain_location)]
    tags: dict[str, str] | None = None


def read_body[Read: Body](kind: type[Read], text: bytes) -> Read:
    """Read a body; raises ServiceFault 400 that names the first faulty member."""
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        member = ".".join(str(part) for part in first["loc"])
        raise ServiceFault(400, "BadRequest", f"{member}: {first['msg']}") from None
