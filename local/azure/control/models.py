"""What the control API takes, in camelCase JSON."""

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel

from local.azure.core.claims import Version
from local.azure.core.faults import Effect
from local.azure.core.tokens import KEY_ID
from local.azure.entra.models import DEFAULT_SCOPE
from local.azure.resource_manager.locks import LockLevel
from local.azure.resource_manager.roles import BUILT_IN_ROLES
from local.azure.resource_manager.subscriptions import SubscriptionState

ServiceName = Literal[
    "entra", "resource_manager", "managed_hsm", "key_vault", "blob_storage", "event_grid", "application_insights"
]


def _check_redirect_uri(uri: str) -> str:
    """Refuse what Entra does not register (source: Microsoft identity platform, redirect URI restrictions)."""
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https") or not parts.hostname or "#" in uri or "*" in uri:
        message = "a redirect URI is absolute, of http or https, without a fragment and without wildcards"
        raise ValueError(message)
    return uri


RedirectUri = Annotated[str, AfterValidator(_check_redirect_uri)]


class ControlModel(BaseModel):
    """A body of the control API."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, extra="forbid")


class TimingChange(ControlModel):
    """How long transitions take that begin from now on, in the clock's seconds; what is not named stays."""

    provisioning_seconds: float | None = Field(default=None, ge=0)
    activation_seconds: float | None = Field(default=None, ge=0)
    update_seconds: float | None = Field(default=None, ge=0)
    deletion_seconds: float | None = Field(default=None, ge=0)
    purge_seconds: float | None = Field(default=None, ge=0)
    upload_seconds: float | None = Field(default=None, ge=0)
    backup_seconds: float | None = Field(default=None, ge=0)
    registration_seconds: float | None = Field(default=None, ge=0)
    role_seconds: float | None = Field(default=None, ge=0)
    network_seconds: float | None = Field(default=None, ge=0)


class ClockChange(ControlModel):
    """How many seconds pass on the clock in one of the machine's from now on, and how far it jumps forward first."""

    speed: float | None = Field(default=None, gt=0)
    advance_seconds: float = Field(default=0, ge=0)


class NewApplication(ControlModel):
    """An application with the app roles that it is granted, the groups it is in, and its role on the subscription."""

    display_name: str
    app_roles: dict[str, list[str]] = Field(default_factory=dict)
    groups: list[str] = Field(default_factory=list)
    azure_role: Literal["Owner", "Contributor", "Reader"] | None = None


class MadeApplication(ControlModel):
    """What an application signs in with."""

    client_id: str
    client_secret: str
    object_id: str


class NewApi(ControlModel):
    """An API that tokens may be asked for: the scopes that it has, and the version of the tokens that it wants."""

    audience: str
    client_id: str
    scopes: list[str] = Field(default_factory=lambda: [DEFAULT_SCOPE])
    version: Version = 1


class NewSpaClient(ControlModel):
    """A single-page application, which keeps no secret, and the only URIs at which it may be answered."""

    display_name: str
    redirect_uris: list[RedirectUri] = Field(default_factory=list)


class RedirectUris(ControlModel):
    """The only URIs at which a single-page application may be answered from now on."""

    redirect_uris: list[RedirectUri]


class MadeSpaClient(ControlModel):
    """What a single-page application signs people in as."""

    client_id: str


class NewPerson(ControlModel):
    """Somebody who may sign in, with their app roles by the audience of the API, and the object ids of their groups."""

    display_name: str
    user_principal_name: str
    app_roles: dict[str, list[str]] = Field(default_factory=dict)
    groups: list[str] = Field(default_factory=list)
    account_enabled: bool = True


class MadePerson(NewPerson):
    """Somebody of the directory."""

    object_id: str


class NewGroup(ControlModel):
    """A group, and the object ids of those that it is in; it has members as soon as somebody is made that is in it."""

    display_name: str
    groups: list[str] = Field(default_factory=list)


class MadeGroup(NewGroup):
    """A group of the directory."""

    object_id: str


class NewToken(ControlModel):
    """A token as a test wants it, right or wrong.

    As Entra makes it: `audience` to `version`. A `person` has names and, unless `scopes` says otherwise, the scope
    `access_as_user`; `expiresInSeconds` may be negative.

    Wrong: `issuer` and `notBeforeInSeconds`; then `claims` are added or replaced, and those in `without` taken out;
    `payload` is signed in place of all claims; spaces after them make the token `minimumLength` characters long, or
    two more. `signingKey` is the one that Entra publishes or one that it does not; the algorithm
    `HS256` takes the public key, as PEM, for a secret, and `ES256` an elliptic curve's key that is not published.
    `keyId` is the published key's unless it is null, for none, or another text; `header` is added to the header, and
    `embedKey` adds the key itself as `jwk`.
    """

    audience: str
    roles: list[str] = Field(default_factory=list)
    object_id: str = "00000000-0000-0000-0000-00000000feed"
    application_id: str = "00000000-0000-0000-0000-00000000f00d"
    tenant_id: str | None = None
    expires_in_seconds: int = 3600
    person: bool = False
    name: str = "Ada Lovelace"
    username: str = "ada@contoso.example"
    groups: list[str] = Field(default_factory=list)
    scopes: str | None = None
    version: Version = 1

    issuer: str | None = None
    not_before_in_seconds: int = 0
    claims: dict[str, Any] = Field(default_factory=dict)
    without: list[str] = Field(default_factory=list)
    payload: str | None = None
    minimum_length: int = Field(default=0, ge=0, le=1_000_000)
    signing_key: Literal["published", "unpublished"] = "published"
    algorithm: Literal["RS256", "RS384", "PS256", "ES256", "HS256", "none"] = "RS256"
    key_id: str | None = KEY_ID
    header: dict[str, Any] = Field(default_factory=dict)
    embed_key: bool = False


class PlacedManagementGroup(ControlModel):
    """A management group above a subscription."""

    name: str
    display_name: str


class SubscriptionChange(ControlModel):
    """What a subscription says of itself from now on, its nearest management group first; what is not named stays."""

    display_name: str | None = None
    state: SubscriptionState | None = None
    tags: dict[str, str] | None = None
    management_groups: list[PlacedManagementGroup] | None = None


class NewSubscription(SubscriptionChange):
    """A subscription in which our managed identity is Contributor; as Azure's new ones are, unless asked otherwise."""

    registered: bool = False


class NewLock(ControlModel):
    """A lock at a scope: the id of a subscription, a resource group or an HSM."""

    scope: str = Field(pattern="^/subscriptions/[^/]+")
    name: str
    level: LockLevel = "CanNotDelete"
    notes: str | None = None


class NewVault(ControlModel):
    """A vault; if it is restricted, only those may use it who are assigned roles or patterns of data actions."""

    name: str
    restricted: bool = False
    purge_protection: bool = False
    assignments: dict[str, list[str]] = Field(default_factory=dict)


class StorageChange(ControlModel):
    """What holds for the storage account from now on; what is not named stays.

    Who is assigned roles or patterns of data actions keeps what was assigned before.
    """

    immutable_containers: list[str] | None = None
    restricted: bool | None = None
    assignments: dict[str, list[str]] = Field(default_factory=dict)


class NewCertificate(ControlModel):
    """Any public certificate, whether or not Key Vault would have made it."""

    vault: str
    name: str
    certificate_pem: str
    enabled: bool = True


class ExportMode(ControlModel):
    """What a download does while another is being confirmed."""

    during_activation: Literal["again", "refuse"]


class ExportOutcomes(ControlModel):
    """How the next exports, or uploads, of a security domain end, one after the other."""

    outcomes: list[Literal["Success", "Failed"]]


class Registration(ControlModel):
    """Whether the subscription is registered for Microsoft.KeyVault."""

    registered: bool


class PlantedHits(ControlModel):
    """Requests that an HSM is to have answered, and when."""

    at: AwareDatetime
    count: int = Field(ge=1)


class CreationChange(ControlModel):
    """When an HSM is to have been made, and by whom; what is not named stays."""

    created_at: AwareDatetime | None = None
    created_by: str | None = None
    created_by_type: Literal["Application", "User"] | None = None


class PlantedHsm(ControlModel):
    """An HSM that is there at once, in a resource group that is made if need be.

    It is in the first subscription unless `subscriptionId` names another, made now unless `createdAt` says otherwise,
    and soft-deleted if `deletedAt` says since when.
    """

    name: str
    resource_group: str
    subscription_id: str | None = None
    location: str = "norwayeast"
    state: Literal["NotActivated", "Active", "Failed"] = "Active"
    tags: dict[str, str] = Field(default_factory=dict)
    created_at: AwareDatetime | None = None
    created_by: str = "00000000-0000-0000-0000-00000000f00d"
    created_by_type: Literal["Application", "User"] = "Application"
    deleted_at: AwareDatetime | None = None
    initial_admin_object_ids: list[str] = Field(default=["00000000-0000-0000-0000-00000000ad31"], min_length=1)
    soft_delete_retention_in_days: int = Field(default=90, ge=7, le=90)
    enable_purge_protection: bool = False
    hits: list[PlantedHits] = Field(default_factory=list)


class PlantedHsms(ControlModel):
    """HSMs that are there at once."""

    hsms: list[PlantedHsm]


class PrivateCallers(ControlModel):
    """Who reaches an HSM over an approved private endpoint that is not modelled: principals by their object ids."""

    object_ids: list[str]


class NewRole(ControlModel):
    """A role of a principal on a subscription, a resource group or a resource: a built-in one, or the actions of one.

    It takes the place of the principal's role there; null takes that away.
    """

    object_id: str
    scope: str
    role: str | list[str] | None

    @field_validator("role")
    @classmethod
    def check_role(cls, role: str | list[str] | None) -> str | list[str] | None:
        """Refuse the name of a role that is not built in."""
        if isinstance(role, str) and role not in BUILT_IN_ROLES:
            message = f"no built-in role: there are {', '.join(BUILT_IN_ROLES)}"
            raise ValueError(message)
        return role


class NewResource(ControlModel):
    """A resource that is there at once, by its id, in a resource group that is made if need be.

    It is a virtual network with its subnets, a private DNS zone, a link of a zone, a Log Analytics workspace or an
    action group; `properties` are those of its PUT.
    """

    id: str
    location: str = "norwayeast"
    tags: dict[str, str] = Field(default_factory=dict)
    properties: dict[str, Any] = Field(default_factory=dict)


class Integration(ControlModel):
    """The subnet that all requests of a principal come from; null for the internet."""

    subnet_id: str | None


class ResourceManagerChange(ControlModel):
    """What ARM refuses, and how it tells of ends; what is not named stays.

    `quota` is how many HSMs a subscription may have in a region. The next `lostPurges` purges are accepted and never
    done. `deletionEndStatus` is what the last poll of a deletion says that succeeds. `graphQuota` is how many queries
    of Resource Graph a caller has in 5 seconds, and `graphLagSeconds` how long ago it is what they tell of. The next
    `networkFailures` private endpoints and zone groups that are put end `Failed`.
    """

    quota: int | None = Field(default=None, ge=0)
    regions_without_capacity: list[str] | None = None
    never_ending: list[Literal["create", "update", "delete", "purge"]] | None = None
    lost_purges: int | None = Field(default=None, ge=0)
    deletion_end_status: Literal[200, 204, 404, 409] | None = None
    page_size: int | None = Field(default=None, ge=1)
    graph_quota: int | None = Field(default=None, ge=0)
    graph_lag_seconds: float | None = Field(default=None, ge=0)
    network_failures: int | None = Field(default=None, ge=0)


class ProvisioningFailures(ControlModel):
    """How many of the next creations fail."""

    count: int = Field(ge=0)


class NewHold(ControlModel):
    """The next request that matches, after `skip` others, is held before or after its effect."""

    service: ServiceName
    method: str
    host: str = ""
    path: str = ""
    phase: Literal["before", "after"]
    skip: int = 0


class NewFault(ControlModel):
    """The next `count` requests that match, after `skip` others, meet this effect."""

    service: ServiceName
    method: str | None = None
    host: str = ""
    path: str = ""
    skip: int = 0
    count: int = 1
    effect: Annotated[Effect, Field(discriminator="kind")]
