"""What Azure refuses, as the real SDKs tell it: the exception's type, the status, and Azure's code.

Each row names what is tried. Where a row needs something to be done first, `first` does it, outside of what must raise.
Where the SDK knows no status or no code, it is None here, and `words` are what tells.
"""

import base64
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any, NamedTuple

import pytest
import requests
from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.identity import ClientSecretCredential, CredentialUnavailableError, ManagedIdentityCredential
from azure.keyvault.administration import (
    KeyVaultAccessControlClient,
    KeyVaultBackupClient,
    KeyVaultPermission,
    KeyVaultSetting,
    KeyVaultSettingsClient,
)
from azure.keyvault.certificates import CertificateClient, CertificatePolicy, WellKnownIssuerNames
from azure.keyvault.keys import KeyClient
from azure.keyvault.keys.crypto import CryptographyClient, EncryptionAlgorithm, KeyWrapAlgorithm, SignatureAlgorithm
from azure.keyvault.securitydomain import SecurityDomainClient
from azure.keyvault.securitydomain.models import CertificateInfo, SecurityDomain
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.keyvault.models import ManagedHsm, ManagedHsmProperties, ManagedHsmSku
from azure.mgmt.resource.resources import ResourceManagementClient
from cryptography.hazmat.primitives.asymmetric import ec

from local.azure.control.client import ControlClient
from local.azure.control.models import MadeApplication, NewToken
from local.azure.launch import LocalAzure
from tests.custodians import make_custodian
from tests.local.azure.conftest import ARM, MANAGED_HSM, SECONDS, download_body, hsm_model, send, wrapping_certificate
from tests.local.azure.managed_hsm.conftest import (
    ADMINISTRATOR,
    CRYPTO_OFFICER,
    CRYPTO_USER,
    IDENTITY,
    ROLES,
    activate,
    grant,
    url,
)
from tests.local.azure.managed_hsm.restore_blob import make_restore_blob

GROUP, OTHER_GROUP, NO_GROUP = "rg-refusals", "rg-refusals-other", "rg-refusals-none"
VAULT_RESOURCE = "https://vault.azure.net"
VAULT, RESTRICTED_VAULT = "refusals", "refusals-restricted"
# In the scene: active; active and without an identity; provisioned only; provisioned and closed by its firewall;
# deleted and protected from purge.
ACTIVE, BARE, NEW, CLOSED, GONE = "refuse-active", "refuse-bare", "refuse-new", "refuse-closed", "refuse-gone"
QUOTA = 50
STRANGER = "11111111-1111-1111-1111-111111111111"
UNKNOWN = "44444444-4444-4444-4444-444444444444"
SETTING = "AllowKeyManagementOperationsThroughARM"
OAEP, WRAP = EncryptionAlgorithm.rsa_oaep_256, KeyWrapAlgorithm.rsa_oaep_256
# What is wrong with a token, and what ARM calls it.
WRONG_TOKENS: dict[str, tuple[dict[str, Any], str]] = {
    "for another audience": ({"audience": "https://graph.microsoft.com"}, "InvalidAuthenticationTokenAudience"),
    "that has expired": ({"expires_in_seconds": -60}, "ExpiredAuthenticationToken"),
    "that is not valid yet": ({"not_before_in_seconds": 600}, "InvalidAuthenticationToken"),
    "that somebody else signed": ({"signing_key": "unpublished"}, "InvalidAuthenticationToken"),
    "of another issuer": ({"issuer": "https://sts.windows.net/someone/"}, "InvalidAuthenticationToken"),
}


class Minted:
    """A credential that gives one token, right or wrong, whatever it is asked for."""

    def __init__(self, token: str) -> None:
        self._token = token

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:  # noqa: ARG002 - the protocol's signature
        return AccessToken(self._token, int(time.time()) + 3600)


class Scene:
    """HSMs and a vault in all the states that rows need, and clients of any caller."""

    def __init__(
        self, azure: LocalAzure, control: ControlClient, application: MadeApplication, own: TokenCredential
    ) -> None:
        self.azure = azure
        self.control = control
        self.application = application
        self.own = own
        self.subscription = azure.endpoints.subscription_id
        self.clients = ExitStack()
        self.last = ""
        self._opened: dict[Any, Any] = {}

    def open[Client](self, kind: Callable[..., Client], place: str, who: Any = None, **options: Any) -> Client:
        """Give a client: for ourselves one for all rows, since each has a connection to make."""
        key = (kind, place, *options.items())
        if who is None and key in self._opened:
            found: Client = self._opened[key]
            return found
        made = kind(*((who or self.own, place) if place in self.subscriptions else (place, who or self.own)), **options)
        self.clients.enter_context(made)  # type: ignore[arg-type]
        if who is None:
            self._opened[key] = made
        return made

    @property
    def subscriptions(self) -> set[str]:
        return {self.subscription, self.azure.endpoints.other_tenant_subscription_id, UNKNOWN}

    def token(self, audience: str, **wrong: Any) -> Minted:
        claims = {"audience": audience, "object_id": self.application.object_id, **wrong}
        return Minted(self.control.create_token(NewToken.model_validate(claims)))

    def arm(
        self, who: TokenCredential | None = None, subscription: str | None = None, **options: Any
    ) -> KeyVaultManagementClient:
        options = {"polling_interval": 0, **options}
        return self.open(KeyVaultManagementClient, subscription or self.subscription, who, **options)

    def groups(self, who: TokenCredential | None = None) -> Any:
        return self.open(ResourceManagementClient, self.subscription, who).resource_groups

    def hsms(self, who: TokenCredential | None = None, subscription: str | None = None, **options: Any) -> Any:
        return self.arm(who, subscription, **options).managed_hsms

    def create(self, name: str, *, group: str = GROUP, **changes: Any) -> Any:
        return self.put(name, hsm_model(self.azure, self.application.object_id, **changes), group=group)

    def put(self, name: str, model: ManagedHsm, *, group: str = GROUP, **options: Any) -> Any:
        return self.hsms(**options).begin_create_or_update(group, name, model).result()

    def model(self, **changes: Any) -> ManagedHsm:
        model = hsm_model(self.azure, self.application.object_id)
        for name, value in changes.items():
            model[name] = value
        return model

    def update(self, name: str, **changes: Any) -> Any:
        properties = ManagedHsmProperties(**changes)
        return self.hsms().begin_update(GROUP, name, ManagedHsm(properties=properties)).result()

    def domain(self, hsm: str, who: TokenCredential | None = None) -> SecurityDomainClient:
        return self.open(SecurityDomainClient, url(hsm), who)

    def download(self, hsm: str, *, body: CertificateInfo | None = None, who: TokenCredential | None = None) -> Any:
        client = self.domain(hsm, who)
        return client.begin_download(body or download_body(), skip_activation_polling=True).result()

    def upload(self, hsm: str, blob: str, who: TokenCredential | None = None) -> Any:
        return self.domain(hsm, who).begin_upload(SecurityDomain(value=blob), skip_activation_polling=True).result()

    def keys(self, hsm: str, who: TokenCredential | None = None) -> KeyClient:
        return self.open(KeyClient, url(hsm), who)

    def cryptography(self, key_id: str | None, who: TokenCredential | None = None) -> CryptographyClient:
        return self.open(CryptographyClient, key_id or "", who)

    def key(self, name: str) -> CryptographyClient:
        """A key of the active HSM, for one who cannot read it: so that the SDK leaves each decision to the HSM."""
        return self.cryptography(f"{url(ACTIVE)}/keys/{name}", self.user)

    @property
    def user(self) -> Minted:
        return self.token(MANAGED_HSM, object_id=STRANGER.replace("1", "2"))

    @property
    def stranger(self) -> Minted:
        return self.token(MANAGED_HSM, object_id=STRANGER)

    def roles(self, hsm: str, who: TokenCredential | None = None) -> KeyVaultAccessControlClient:
        return self.open(KeyVaultAccessControlClient, url(hsm), who)

    def settings(self, hsm: str, who: TokenCredential | None = None) -> KeyVaultSettingsClient:
        return self.open(KeyVaultSettingsClient, url(hsm), who)

    def backups(self, hsm: str, who: TokenCredential | None = None) -> KeyVaultBackupClient:
        return self.open(KeyVaultBackupClient, url(hsm), who)

    def back_up(self, hsm: str, container: str = "no-such", who: TokenCredential | None = None, **options: Any) -> Any:
        options = options or {"use_managed_identity": True}
        address = f"{self.azure.endpoints.storage_account_url}/{container}"
        return self.backups(hsm, who).begin_backup(address, _polling_interval=0, **options).result()

    def restore(self, hsm: str, folder: str = "no-such/mhsm-1", who: TokenCredential | None = None) -> Any:
        address = f"{self.azure.endpoints.storage_account_url}/{folder}"
        client = self.backups(hsm, who)
        return client.begin_restore(address, use_managed_identity=True, _polling_interval=0).result()

    def vault(self, name: str = VAULT, who: TokenCredential | None = None) -> CertificateClient:
        return self.open(CertificateClient, f"https://{name}.vault.azure.net", who)

    def vault_keys(self, name: str = VAULT) -> KeyClient:
        return self.open(KeyClient, f"https://{name}.vault.azure.net")

    def certificate(self, name: str, **changes: Any) -> Any:
        policy = CertificatePolicy("Self", subject="CN=Ada", **{"key_type": "RSA", "exportable": False, **changes})
        return self.vault().begin_create_certificate(name, policy, _polling_interval=0).result()

    def vault_key(self, name: str, who: TokenCredential | None = None) -> CryptographyClient:
        return self.cryptography(f"https://{VAULT}.vault.azure.net/keys/{name}", who)

    def throwaway(self) -> str:
        """Create one more HSM, for a row that changes it."""
        name = f"refuse-{uuid.uuid4().hex[:12]}"
        self.create(name)
        self.last = name
        return name


@pytest.fixture(scope="module")
def scene(azure: LocalAzure, control: ControlClient, application: MadeApplication) -> Iterator[Scene]:
    endpoints = azure.endpoints
    with pytest.MonkeyPatch.context() as patch:
        for name, value in azure.environment().items():
            patch.setenv(name, value)
        patch.setenv("IDENTITY_ENDPOINT", endpoints.identity_endpoint)
        patch.setenv("IDENTITY_HEADER", endpoints.identity_header)
        with ClientSecretCredential(endpoints.tenant_id, application.client_id, application.client_secret) as own:
            made = Scene(azure, control, application, own)
            with made.clients:
                set_up(made)
                yield made
        control.change_resource_manager(quota=5)
        control.change_timing(SECONDS, SECONDS)
        control.forget_hsms()


def set_up(scene: Scene) -> None:
    scene.control.change_timing(0, 0)
    scene.control.change_resource_manager(quota=QUOTA)
    for group in (GROUP, OTHER_GROUP):
        scene.groups().create_or_update(group, {"location": "norwayeast"})
    path = f"{ARM}/subscriptions/{scene.subscription}/resourcegroups/{GROUP}/{IDENTITY}"
    identity = send(scene.own, "PUT", path, {"location": "norwayeast"}).json()["id"]
    scene.put(ACTIVE, scene.model(identity={"type": "UserAssigned", "userAssignedIdentities": {identity: {}}}))
    scene.create(BARE)
    for name in (ACTIVE, BARE):
        activate(name, scene.own, scene.control)
        grant(name, scene.own, scene.application.object_id, CRYPTO_USER, CRYPTO_OFFICER)
    scene.control.change_timing(0, 0)
    uses = [f"Microsoft.KeyVault/managedHsm/keys/{use}/action" for use in ("encrypt", "decrypt", "sign")]
    role = scene.roles(ACTIVE).set_role_definition("/", permissions=[KeyVaultPermission(data_actions=[*uses])])
    grant(ACTIVE, scene.own, STRANGER.replace("1", "2"), str(role.name))
    scene.create(NEW)
    scene.create(CLOSED, public_network_access="Disabled")
    scene.create(GONE, enable_purge_protection=True)
    scene.hsms().begin_delete(GROUP, GONE).result()
    keys = scene.keys(ACTIVE)
    keys.create_rsa_key("rsa")
    keys.create_rsa_key("signing", key_operations=["sign", "verify"])
    keys.create_rsa_key("disabled", enabled=False)
    keys.create_ec_key("deleted")
    keys.begin_delete_key("deleted", _polling_interval=0).wait()
    scene.control.create_vault(VAULT)
    scene.control.create_vault(RESTRICTED_VAULT, restricted=True)
    scene.certificate("ada")
    scene.certificate("disabled")
    scene.vault().update_certificate_properties("disabled", enabled=False)
    scene.certificate("deleted")
    scene.vault().begin_delete_certificate("deleted", _polling_interval=0).wait()


@pytest.fixture(autouse=True)
def alone(request: pytest.FixtureRequest, control: ControlClient, scene: Scene) -> Iterator[None]:
    """Undo what a row did; the scene stays, which is why this stands in for the fixture that others have."""
    assert scene.control is control
    yield
    row = request.node.callspec.params.get("row") if hasattr(request.node, "callspec") else None
    if row is None or row.first is None:
        return
    control.change_timing(0, 0, upload_seconds=0, backup_seconds=0, update_seconds=0, deletion_seconds=0)
    control.change_resource_manager(quota=QUOTA, regions_without_capacity=[], never_ending=[])
    control.change_registration(registered=True)
    control.change_export_mode("again")


class Row(NamedTuple):
    """What is tried, and how it is refused."""

    name: str
    attempt: Callable[[Scene], Any]
    error: type[HttpResponseError]
    status: int | None
    code: str | None
    inner: str | None = None
    first: Callable[[Scene], Any] | None = None
    words: str | None = None


@cache
def curve_certificate() -> CertificateInfo:
    body = download_body()
    pem = make_custodian("curve", ec.generate_private_key(ec.SECP256R1())).pem
    body.certificates[0].x5_c = ["".join(pem.splitlines()[1:-1])]
    return body


def noise_certificate() -> CertificateInfo:
    body = download_body()
    body.certificates[0].x5_c = [base64.b64encode(b"no certificate").decode()]
    return body


def foreign_blob(scene: Scene) -> str:
    """A restore blob that is encrypted to somebody else."""
    transfer_key = str(scene.domain(NEW).get_transfer_key().transfer_key)
    return make_restore_blob({"hsm_backup": b"x"}, transfer_key, certificate=wrapping_certificate(0))


def busy(scene: Scene) -> None:
    """Let a backup go on."""
    scene.control.change_timing(backup_seconds=2)
    address = f"{scene.azure.endpoints.storage_account_url}/no-such"
    scene.backups(ACTIVE).begin_backup(address, use_managed_identity=True, _polling_interval=0.1)


def downloading(scene: Scene) -> None:
    """Let an activation go on, in the mode that takes no other download."""
    name = scene.throwaway()
    scene.control.change_timing(activation_seconds=60)
    scene.control.change_export_mode("refuse")
    scene.download(name)


def uploading_while_downloading(scene: Scene) -> None:
    name = scene.throwaway()
    scene.domain(name).get_transfer_key()
    scene.control.change_timing(activation_seconds=60)
    scene.download(name)


def under_way(**seconds: float) -> Callable[[Scene], None]:
    def begin(scene: Scene) -> None:
        name = scene.throwaway()
        scene.control.change_timing(**seconds)
        if "deletion_seconds" in seconds:
            scene.hsms().begin_delete(GROUP, name, polling=False)
        else:
            scene.hsms().begin_update(GROUP, name, ManagedHsm(tags={"a": "b"}), polling=False)

    return begin


def tag(scene: Scene, name: str) -> Any:
    return scene.hsms().begin_update(GROUP, name, ManagedHsm(tags={"a": "c"}))


RECOVERY = {"sku": ManagedHsmSku(family="B", name="Standard_B1"), "location": "norwayeast"}


def recover(scene: Scene, name: str, *, group: str = GROUP, location: str = "norwayeast") -> Any:
    properties = {"tenantId": scene.azure.endpoints.tenant_id, "createMode": "recover"}
    body = ManagedHsm({**RECOVERY, "location": location, "properties": properties})
    return scene.hsms().begin_create_or_update(group, name, body)


def sign_in(scene: Scene, secret: str) -> Any:
    with ClientSecretCredential(scene.azure.endpoints.tenant_id, scene.application.client_id, secret) as wrong:
        return wrong.get_token(f"{ARM}/.default")


def sign_in_as_identity(client_id: str) -> Any:
    with ManagedIdentityCredential(client_id=client_id) as wrong:
        return wrong.get_token(f"{ARM}/.default")


AUTHENTICATION, EXISTS, MISSING, OTHER = (
    ClientAuthenticationError,
    ResourceExistsError,
    ResourceNotFoundError,
    HttpResponseError,
)

ENTRA = [
    Row("a wrong client secret", lambda s: sign_in(s, "wrong"), AUTHENTICATION, None, None, words="AADSTS7000215"),
    Row(
        "an unknown managed identity",
        lambda _: sign_in_as_identity(UNKNOWN),
        CredentialUnavailableError,
        None,
        None,
        words="No managed identity was found",
    ),
]


def token_rows(name: str, wrong: dict[str, Any], code: str) -> list[Row]:
    """Try a wrong token everywhere."""

    def token(scene: Scene, audience: str) -> Minted:
        return scene.token(**{"audience": audience, **wrong})

    unauthorized = (AUTHENTICATION, 401, "Unauthorized")
    return [
        Row(
            f"an HSM with a token {name}", lambda s: s.hsms(token(s, ARM)).get(GROUP, ACTIVE), AUTHENTICATION, 401, code
        ),
        Row(f"a group with a token {name}", lambda s: s.groups(token(s, ARM)).get(GROUP), AUTHENTICATION, 401, code),
        Row(f"a download with a token {name}", lambda s: s.download(NEW, who=token(s, MANAGED_HSM)), *unauthorized),
        Row(
            f"a key with a token {name}", lambda s: s.keys(ACTIVE, token(s, MANAGED_HSM)).get_key("rsa"), *unauthorized
        ),
        Row(
            f"a role with a token {name}",
            lambda s: s.roles(ACTIVE, token(s, MANAGED_HSM)).get_role_definition("/", ADMINISTRATOR),
            *unauthorized,
        ),
        Row(
            f"a certificate with a token {name}",
            lambda s: s.vault(who=token(s, VAULT_RESOURCE)).get_certificate("ada"),
            *unauthorized,
        ),
    ]


def attempt_name(name: str) -> Callable[[Scene], Any]:
    return lambda s: s.create(name)


def attempt_retention(days: int) -> Callable[[Scene], Any]:
    return lambda s: s.create("refuse-x", soft_delete_retention_in_days=days)


def attempt_download(count: int, required: int) -> Callable[[Scene], Any]:
    return lambda s: s.download(NEW, body=download_body(count, required))


TOKENS = [
    *(row for name, (wrong, code) in WRONG_TOKENS.items() for row in token_rows(name, wrong, code)),
    Row(
        "ARM with a token of another tenant",
        lambda s: s.hsms(s.token(ARM, tenant_id=s.azure.endpoints.other_tenant_id)).get(GROUP, ACTIVE),
        AUTHENTICATION,
        401,
        "InvalidAuthenticationTokenTenant",
    ),
    Row(
        "another tenant's subscription",
        lambda s: s.hsms(subscription=s.azure.endpoints.other_tenant_subscription_id).get(GROUP, ACTIVE),
        AUTHENTICATION,
        401,
        "InvalidAuthenticationTokenTenant",
    ),
    Row(
        "a download with a token of another tenant",
        lambda s: s.download(NEW, who=s.token(MANAGED_HSM, tenant_id=s.azure.endpoints.other_tenant_id)),
        AUTHENTICATION,
        401,
        "Unauthorized",
    ),
    Row(
        "a vault with a token of another tenant",
        lambda s: s.vault(who=s.token(VAULT_RESOURCE, tenant_id=s.azure.endpoints.other_tenant_id)).get_certificate(
            "ada"
        ),
        AUTHENTICATION,
        401,
        "Unauthorized",
    ),
]

RESOURCE_MANAGER = [
    Row(
        "an unknown subscription",
        lambda s: s.hsms(subscription=UNKNOWN).get(GROUP, ACTIVE),
        MISSING,
        404,
        "SubscriptionNotFound",
    ),
    Row("an unknown resource group", lambda s: s.groups().get(NO_GROUP), MISSING, 404, "ResourceGroupNotFound"),
    Row(
        "deleting an unknown resource group",
        lambda s: s.groups().begin_delete(NO_GROUP),
        MISSING,
        404,
        "ResourceGroupNotFound",
    ),
    Row(
        "creating in an unknown resource group",
        lambda s: s.create("refuse-x", group=NO_GROUP),
        MISSING,
        404,
        "ResourceGroupNotFound",
    ),
    Row(
        "a resource group in another location",
        lambda s: s.groups().create_or_update(GROUP, {"location": "uksouth"}),
        EXISTS,
        409,
        "InvalidResourceGroupLocation",
    ),
    Row("an unknown HSM", lambda s: s.hsms().get(GROUP, "no-such"), MISSING, 404, "ResourceNotFound"),
    Row(
        "an HSM in a group where it is not",
        lambda s: s.hsms().get(OTHER_GROUP, ACTIVE),
        MISSING,
        404,
        "ResourceNotFound",
    ),
    Row("updating an unknown HSM", lambda s: tag(s, "no-such"), MISSING, 404, "ResourceNotFound"),
    Row(
        "an unknown deleted HSM",
        lambda s: s.hsms().get_deleted("no-such", "norwayeast"),
        MISSING,
        404,
        "ResourceNotFound",
    ),
    Row("a deleted HSM elsewhere", lambda s: s.hsms().get_deleted(GONE, "uksouth"), MISSING, 404, "ResourceNotFound"),
    Row(
        "purging what was not deleted",
        lambda s: s.hsms().begin_purge_deleted(ACTIVE, "norwayeast"),
        MISSING,
        404,
        "ResourceNotFound",
    ),
    Row(
        "an unknown private endpoint connection",
        lambda s: s.arm().mhsm_private_endpoint_connections.get(GROUP, ACTIVE, "none"),
        MISSING,
        404,
        "ResourceNotFound",
    ),
    Row(
        "reading without a role",
        lambda s: s.hsms(s.token(ARM, object_id=STRANGER)).get(GROUP, ACTIVE),
        OTHER,
        403,
        "AuthorizationFailed",
    ),
    Row(
        "creating without a role",
        lambda s: s.hsms(s.token(ARM, object_id=STRANGER)).begin_create_or_update(GROUP, "refuse-x", s.model()),
        OTHER,
        403,
        "AuthorizationFailed",
    ),
    Row(
        "purging without a role",
        lambda s: s.hsms(s.token(ARM, object_id=STRANGER)).begin_purge_deleted(GONE, "norwayeast"),
        OTHER,
        403,
        "AuthorizationFailed",
    ),
    Row(
        "a resource group without a role",
        lambda s: s.groups(s.token(ARM, object_id=STRANGER)).get(GROUP),
        OTHER,
        403,
        "AuthorizationFailed",
    ),
    Row("a name that is taken", lambda s: s.create(ACTIVE, group=OTHER_GROUP), EXISTS, 409, "ConflictError"),
    *(
        Row(f"a name that is none: {name}", attempt_name(name), OTHER, 400, "BadRequest")
        for name in ("ab", "a" * 25, "1-first", "two--hyphens", "last-")
    ),
    Row("a soft-deleted name", lambda s: s.create(GONE), EXISTS, 409, "ConflictError"),
    Row(
        "one HSM too many",
        lambda s: s.create("refuse-x"),
        EXISTS,
        409,
        "QuotaExceeded",
        first=lambda s: s.control.change_resource_manager(quota=5),
    ),
    Row(
        "creating without registration",
        lambda s: s.create("refuse-x"),
        EXISTS,
        409,
        "MissingSubscriptionRegistration",
        first=lambda s: s.control.change_registration(registered=False),
    ),
    Row(
        "a region without capacity",
        lambda s: s.put("refuse-x", s.model(), retry_total=0),
        OTHER,
        503,
        "503",
        first=lambda s: s.control.change_resource_manager(regions_without_capacity=["norwayeast"]),
    ),
    Row(
        "a region without Managed HSMs",
        lambda s: s.put("refuse-x", s.model(location="atlantis")),
        OTHER,
        400,
        "LocationNotAvailableForResourceType",
    ),
    Row(
        "a creation that fails",
        lambda s: s.create("refuse-failed"),
        OTHER,
        409,
        "ManagedHsmError",
        first=lambda s: s.control.fail_provisioning(1),
    ),
    Row(
        "purging what is protected",
        lambda s: s.hsms().begin_purge_deleted(GONE, "norwayeast"),
        EXISTS,
        409,
        "MethodNotAllowed",
    ),
    *(
        Row(
            f"a retention of {days} days",
            attempt_retention(days),
            OTHER,
            400,
            "BadRequest",
        )
        for days in (0, 6, 91)
    ),
    Row("no administrators", lambda s: s.create("refuse-x", initial_admin_object_ids=[]), OTHER, 400, "BadRequest"),
    Row(
        "administrators not named",
        lambda s: s.create("refuse-x", initial_admin_object_ids=None),
        OTHER,
        400,
        "BadRequest",
    ),
    Row("another tenant's HSM", lambda s: s.create("refuse-x", tenant_id=UNKNOWN), OTHER, 400, "BadRequest"),
    Row(
        "an unknown SKU",
        lambda s: s.put("refuse-x", s.model(sku=ManagedHsmSku(family="B", name="Standard_B3"))),
        OTHER,
        400,
        "BadRequest",
    ),
    Row("an unknown create mode", lambda s: s.create("refuse-x", create_mode="invent"), OTHER, 400, "BadRequest"),
    Row(
        "changing the retention",
        lambda s: s.create(ACTIVE, soft_delete_retention_in_days=8),
        OTHER,
        400,
        "PropertyChangeNotAllowed",
    ),
    Row(
        "changing the retention by PATCH",
        lambda s: s.update(ACTIVE, soft_delete_retention_in_days=8),
        OTHER,
        400,
        "PropertyChangeNotAllowed",
    ),
    Row(
        "changing the administrators",
        lambda s: s.create(ACTIVE, initial_admin_object_ids=[STRANGER]),
        OTHER,
        400,
        "PropertyChangeNotAllowed",
    ),
    Row(
        "changing the location",
        lambda s: s.put(ACTIVE, s.model(location="uksouth")),
        OTHER,
        400,
        "PropertyChangeNotAllowed",
    ),
    Row(
        "changing the SKU",
        lambda s: s.put(ACTIVE, s.model(sku=ManagedHsmSku(family="B", name="Custom_B32"))),
        OTHER,
        400,
        "PropertyChangeNotAllowed",
    ),
    Row(
        "taking purge protection away",
        lambda s: s.update(s.last, enable_purge_protection=False),
        OTHER,
        400,
        "BadRequest",
        first=lambda s: s.update(s.throwaway(), enable_purge_protection=True),
    ),
    Row(
        "a firewall rule that is none",
        lambda s: s.update(NEW, network_acls={"ipRules": [{"value": "1.2.3.400"}]}),
        OTHER,
        400,
        "BadRequest",
    ),
    Row(
        "an unknown identity",
        lambda s: s.hsms().begin_update(
            GROUP, ACTIVE, {"identity": {"type": "UserAssigned", "userAssignedIdentities": {"/unknown": {}}}}
        ),
        OTHER,
        400,
        "FailedIdentityOperation",
    ),
    Row("extending what is not active", lambda s: s.update(NEW, regions=[{"name": "uksouth"}]), OTHER, 400, "400"),
    Row(
        "extending to a region that is closed",
        lambda s: s.update(ACTIVE, regions=[{"name": "westeurope"}]),
        OTHER,
        400,
        "400",
    ),
    Row(
        "changing during a change",
        lambda s: tag(s, s.last),
        EXISTS,
        409,
        "ConflictError",
        first=under_way(update_seconds=60),
    ),
    Row(
        "changing during the deletion",
        lambda s: tag(s, s.last),
        EXISTS,
        409,
        "ConflictError",
        first=under_way(deletion_seconds=60),
    ),
    Row(
        "creating during the deletion",
        lambda s: s.create(s.last),
        EXISTS,
        409,
        "ConflictError",
        first=under_way(deletion_seconds=60),
    ),
    Row(
        "recovering what was not deleted", lambda s: recover(s, "never-was"), MISSING, 404, "DeletedManagedHsmNotFound"
    ),
    Row(
        "recovering in another region",
        lambda s: recover(s, GONE, location="uksouth"),
        MISSING,
        404,
        "DeletedManagedHsmNotFound",
    ),
    Row("recovering in another group", lambda s: recover(s, GONE, group=OTHER_GROUP), EXISTS, 409, "ConflictError"),
]

SECURITY_DOMAIN = [
    Row("a download by who is no administrator", lambda s: s.download(NEW, who=s.stranger), OTHER, 403, "AccessDenied"),
    Row(
        "a download's status for who is none",
        lambda s: s.domain(NEW, s.stranger).get_download_status(),
        OTHER,
        403,
        "AccessDenied",
    ),
    Row(
        "a transfer key for who is none",
        lambda s: s.domain(NEW, s.stranger).get_transfer_key(),
        OTHER,
        403,
        "AccessDenied",
    ),
    Row("an upload by who is none", lambda s: s.upload(NEW, "{}", s.stranger), OTHER, 403, "AccessDenied"),
    Row(
        "an upload's status for who is none",
        lambda s: s.domain(NEW, s.stranger).get_upload_status(),
        OTHER,
        403,
        "AccessDenied",
    ),
    Row("an unknown HSM's domain", lambda s: s.domain("no-such").get_transfer_key(), MISSING, 404, "ResourceNotFound"),
    Row("a deleted HSM's domain", lambda s: s.download(GONE), MISSING, 404, "ResourceNotFound"),
    *(
        Row(
            f"a download to {count} certificates with a quorum of {required}",
            attempt_download(count, required),
            OTHER,
            400,
            "BadParameter",
        )
        for count, required in ((2, 2), (11, 2), (3, 1), (3, 0), (3, 4))
    ),
    Row(
        "a download to weak keys", lambda s: s.download(NEW, body=download_body(size=1024)), OTHER, 400, "BadParameter"
    ),
    Row(
        "a download to a key that is not RSA",
        lambda s: s.download(NEW, body=curve_certificate()),
        OTHER,
        400,
        "BadParameter",
    ),
    Row(
        "a download to no certificate", lambda s: s.download(NEW, body=noise_certificate()), OTHER, 400, "BadParameter"
    ),
    Row("a status before the first download", lambda s: s.domain(NEW).get_download_status(), MISSING, 404, "NotFound"),
    Row(
        "a second download while one is confirmed",
        lambda s: s.download(s.last),
        EXISTS,
        409,
        "Conflict",
        first=downloading,
    ),
    Row("a download through the firewall", lambda s: s.download(CLOSED), OTHER, 403, "Forbidden"),
    Row("a transfer key through the firewall", lambda s: s.domain(CLOSED).get_transfer_key(), OTHER, 403, "Forbidden"),
    Row("a transfer key of an active HSM", lambda s: s.domain(ACTIVE).get_transfer_key(), EXISTS, 409, "Conflict"),
    Row("an upload on an active HSM", lambda s: s.upload(ACTIVE, "{}"), EXISTS, 409, "Conflict"),
    Row(
        "an upload without recovery",
        lambda s: s.upload(s.last, "{}"),
        EXISTS,
        409,
        "Conflict",
        first=lambda s: s.throwaway(),
    ),
    Row(
        "an upload during a download",
        lambda s: s.upload(s.last, "{}"),
        EXISTS,
        409,
        "Conflict",
        first=uploading_while_downloading,
    ),
    Row("a status before the first upload", lambda s: s.domain(NEW).get_upload_status(), MISSING, 404, "NotFound"),
    Row(
        "an upload of nothing",
        lambda s: s.upload(NEW, "{}"),
        OTHER,
        400,
        "BadParameter",
        first=lambda s: s.domain(NEW).get_transfer_key(),
    ),
    Row("an upload for another HSM", lambda s: s.upload(NEW, foreign_blob(s)), OTHER, 400, "BadParameter"),
]

ADMINISTRATION = [
    Row(
        "roles before activation",
        lambda s: list(s.roles(NEW).list_role_assignments("/")),
        OTHER,
        403,
        "HsmNotActivated",
    ),
    Row("settings before activation", lambda s: s.settings(NEW).list_settings(), OTHER, 403, "HsmNotActivated"),
    Row("a backup before activation", lambda s: s.back_up(NEW), OTHER, 403, "HsmNotActivated"),
    Row("a restore before activation", lambda s: s.restore(NEW), OTHER, 403, "HsmNotActivated"),
    Row(
        "roles through the firewall",
        lambda s: list(s.roles(CLOSED).list_role_assignments("/")),
        OTHER,
        403,
        "Forbidden",
    ),
    Row(
        "roles without a role",
        lambda s: list(s.roles(ACTIVE, s.stranger).list_role_assignments("/")),
        OTHER,
        403,
        "AccessDenied",
    ),
    Row(
        "assigning without a role",
        lambda s: s.roles(ACTIVE, s.stranger).create_role_assignment("/", f"{ROLES}/{CRYPTO_USER}", STRANGER),
        OTHER,
        403,
        "AccessDenied",
    ),
    Row(
        "defining a role without a role",
        lambda s: s.roles(ACTIVE, s.stranger).set_role_definition("/", role_name="mine", permissions=[]),
        OTHER,
        403,
        "AccessDenied",
    ),
    Row(
        "settings without a role",
        lambda s: s.settings(ACTIVE, s.stranger).get_setting(SETTING),
        OTHER,
        403,
        "AccessDenied",
    ),
    Row("a backup without a role", lambda s: s.back_up(ACTIVE, who=s.stranger), OTHER, 403, "AccessDenied"),
    Row("a restore without a role", lambda s: s.restore(ACTIVE, who=s.stranger), OTHER, 403, "AccessDenied"),
    Row(
        "assigning an unknown role",
        lambda s: s.roles(ACTIVE).create_role_assignment("/", f"{ROLES}/{UNKNOWN}", STRANGER),
        OTHER,
        400,
        "RoleDefinitionDoesNotExist",
    ),
    Row(
        "assigning to what is no principal",
        lambda s: s.roles(ACTIVE).create_role_assignment("/", f"{ROLES}/{CRYPTO_USER}", "nobody"),
        OTHER,
        400,
        "BadParameter",
    ),
    Row(
        "assigning twice",
        lambda s: s.roles(ACTIVE).create_role_assignment("/", f"{ROLES}/{CRYPTO_USER}", s.application.object_id),
        EXISTS,
        409,
        "RoleAssignmentExists",
    ),
    Row(
        "an unknown role definition",
        lambda s: s.roles(ACTIVE).get_role_definition("/", UNKNOWN),
        MISSING,
        404,
        "RoleDefinitionNotFound",
    ),
    Row(
        "an unknown role assignment",
        lambda s: s.roles(ACTIVE).get_role_assignment("/", UNKNOWN),
        MISSING,
        404,
        "RoleAssignmentNotFound",
    ),
    Row(
        "a role of a built-in role's name",
        lambda s: s.roles(ACTIVE).set_role_definition("/", name=ADMINISTRATOR, role_name="mine", permissions=[]),
        OTHER,
        400,
        "BadParameter",
    ),
    Row(
        "deleting a built-in role",
        lambda s: s.roles(ACTIVE).delete_role_definition("/", ADMINISTRATOR),
        OTHER,
        400,
        "BadParameter",
    ),
    Row(
        "a role with an unknown data action",
        lambda s: s.roles(ACTIVE).set_role_definition("/", permissions=[KeyVaultPermission(data_actions=["all"])]),
        OTHER,
        400,
        "BadParameter",
    ),
    Row("an unknown setting", lambda s: s.settings(ACTIVE).get_setting("Other"), MISSING, 404, "SettingNotFound"),
    Row(
        "a setting's wrong value",
        lambda s: s.settings(ACTIVE).update_setting(KeyVaultSetting(name=SETTING, value="perhaps")),
        OTHER,
        400,
        "BadParameter",
    ),
    Row("a backup without an identity", lambda s: s.back_up(BARE), OTHER, 400, "BadParameter"),
    Row(
        "a backup to no container",
        lambda s: s.back_up(ACTIVE),
        OTHER,
        200,
        None,
        words='"statusDetails":"ResourceNotFound"',
    ),
    Row("a second job", lambda s: s.back_up(ACTIVE), EXISTS, 409, "Conflict", first=busy, words="already in progress"),
    Row("a restore without a recent backup", lambda s: s.restore(BARE), OTHER, 400, "BadParameter"),
    Row(
        "a restore before a backup of its own",
        lambda s: s.restore(ACTIVE),
        EXISTS,
        409,
        "Conflict",
        words="at least 30 minutes",
    ),
]

KEYS = [
    Row("keys before activation", lambda s: list(s.keys(NEW).list_properties_of_keys()), OTHER, 403, "HsmNotActivated"),
    Row("creating a key before activation", lambda s: s.keys(NEW).create_ec_key("k"), OTHER, 403, "HsmNotActivated"),
    Row("random bytes before activation", lambda s: s.keys(NEW).get_random_bytes(8), OTHER, 403, "HsmNotActivated"),
    Row("keys through the firewall", lambda s: list(s.keys(CLOSED).list_properties_of_keys()), OTHER, 403, "Forbidden"),
    Row("an unknown HSM's keys", lambda s: s.keys("no-such").get_key("k"), MISSING, 404, "ResourceNotFound"),
    Row("a key without a role", lambda s: s.keys(ACTIVE, s.stranger).get_key("rsa"), OTHER, 403, "AccessDenied"),
    Row(
        "creating a key without a role",
        lambda s: s.keys(ACTIVE, s.stranger).create_ec_key("k"),
        OTHER,
        403,
        "AccessDenied",
    ),
    Row(
        "decrypting without a role",
        lambda s: s.cryptography(f"{url(ACTIVE)}/keys/rsa", s.stranger).decrypt(OAEP, bytes(256)),
        OTHER,
        403,
        "AccessDenied",
    ),
    Row(
        "unwrapping without that action",
        lambda s: s.key("rsa").unwrap_key(WRAP, bytes(256)),
        OTHER,
        403,
        "AccessDenied",
    ),
    Row("an unknown key", lambda s: s.keys(ACTIVE).get_key("no-such"), MISSING, 404, "KeyNotFound"),
    Row("an unknown version", lambda s: s.keys(ACTIVE).get_key("rsa", "0" * 32), MISSING, 404, "KeyNotFound"),
    Row(
        "decrypting with an unknown key",
        lambda s: s.key("no-such").decrypt(OAEP, bytes(256)),
        MISSING,
        404,
        "KeyNotFound",
    ),
    Row("a deleted key", lambda s: s.keys(ACTIVE).get_key("deleted"), MISSING, 404, "KeyNotFound"),
    Row("a deleted key's name", lambda s: s.keys(ACTIVE).create_ec_key("deleted"), EXISTS, 409, "Conflict"),
    Row("purging what was not deleted", lambda s: s.keys(ACTIVE).purge_deleted_key("rsa"), MISSING, 404, "KeyNotFound"),
    Row(
        "recovering what was not deleted",
        lambda s: s.keys(ACTIVE).begin_recover_deleted_key("no-such"),
        MISSING,
        404,
        "KeyNotFound",
    ),
    Row("a name that is none", lambda s: s.keys(ACTIVE).create_ec_key("under_score"), OTHER, 400, "BadParameter"),
    Row("a weak key", lambda s: s.keys(ACTIVE).create_rsa_key("weak", size=1024), OTHER, 400, "BadParameter"),
    Row(
        "restoring what is no backup",
        lambda s: s.keys(ACTIVE).restore_key_backup(b"no backup"),
        OTHER,
        400,
        "BadParameter",
    ),
    Row(
        "restoring over a key",
        lambda s: s.keys(ACTIVE).restore_key_backup(s.keys(ACTIVE).backup_key("rsa")),
        EXISTS,
        409,
        "Conflict",
    ),
    Row(
        "restoring another HSM's key",
        lambda s: s.keys(BARE).restore_key_backup(s.keys(ACTIVE).backup_key("rsa")),
        OTHER,
        400,
        "BadParameter",
    ),
    Row("a disabled key", lambda s: s.key("disabled").encrypt(OAEP, b"text"), OTHER, 403, "Forbidden"),
    Row("what a key is not for", lambda s: s.key("signing").encrypt(OAEP, b"text"), OTHER, 403, "Forbidden"),
    Row(
        "an algorithm of other keys",
        lambda s: s.key("rsa").sign(SignatureAlgorithm.es256, bytes(32)),
        OTHER,
        400,
        "BadParameter",
    ),
    Row(
        "decrypting what is not the key's", lambda s: s.key("rsa").decrypt(OAEP, bytes(256)), OTHER, 400, "BadParameter"
    ),
    Row("too many random bytes", lambda s: s.keys(ACTIVE).get_random_bytes(129), OTHER, 400, "BadParameter"),
]

KEY_VAULT = [
    Row("an unknown vault", lambda s: s.vault("no-such").get_certificate("ada"), MISSING, 404, "VaultNotFound"),
    Row("an unknown certificate", lambda s: s.vault().get_certificate("no-such"), MISSING, 404, "CertificateNotFound"),
    Row(
        "an unknown version",
        lambda s: s.vault().get_certificate_version("ada", "0" * 32),
        MISSING,
        404,
        "CertificateNotFound",
    ),
    Row(
        "an unknown certificate's policy",
        lambda s: s.vault().get_certificate_policy("no-such"),
        MISSING,
        404,
        "CertificateNotFound",
    ),
    Row(
        "an unknown certificate's operation",
        lambda s: s.vault().get_certificate_operation("no-such"),
        MISSING,
        404,
        "CertificateNotFound",
    ),
    Row(
        "deleting an unknown certificate",
        lambda s: s.vault().begin_delete_certificate("no-such"),
        MISSING,
        404,
        "CertificateNotFound",
    ),
    Row(
        "purging what was not deleted",
        lambda s: s.vault().purge_deleted_certificate("ada"),
        MISSING,
        404,
        "CertificateNotFound",
    ),
    Row("a deleted certificate", lambda s: s.vault().get_certificate("deleted"), MISSING, 404, "CertificateNotFound"),
    Row(
        "a deleted certificate's name",
        lambda s: s.certificate("deleted"),
        EXISTS,
        409,
        "Conflict",
        "ObjectIsDeletedButRecoverable",
    ),
    Row("a name that is none", lambda s: s.certificate("under_score"), OTHER, 400, "BadParameter"),
    Row("a weak key", lambda s: s.certificate("weak", key_size=1024), OTHER, 400, "BadParameter"),
    Row(
        "a subject that is none",
        lambda s: s.vault().begin_create_certificate(
            "odd", CertificatePolicy(WellKnownIssuerNames.self, subject="Ada")
        ),
        OTHER,
        400,
        "BadParameter",
    ),
    Row(
        "importing what is no certificate",
        lambda s: s.vault().import_certificate("noise", b"noise"),
        OTHER,
        400,
        "BadParameter",
    ),
    Row("an unknown key", lambda s: s.vault_keys().get_key("no-such"), MISSING, 404, "KeyNotFound"),
    Row(
        "a disabled certificate's key",
        lambda s: s.vault_keys().get_key("disabled"),
        OTHER,
        403,
        "Forbidden",
        "KeyDisabled",
    ),
    Row(
        "unwrapping with a disabled certificate's key",
        lambda s: s.vault_key("disabled").unwrap_key(WRAP, bytes(256)),
        OTHER,
        403,
        "Forbidden",
        "KeyDisabled",
    ),
    Row(
        "what a certificate's key is not for",
        lambda s: s.vault_key("ada").decrypt(OAEP, bytes(256)),
        OTHER,
        403,
        "Forbidden",
        "KeyOperationForbidden",
    ),
    Row(
        "unwrapping what is not the key's",
        lambda s: s.vault_key("ada").unwrap_key(WRAP, bytes(256)),
        OTHER,
        400,
        "BadParameter",
    ),
    Row(
        "a restricted vault",
        lambda s: s.vault(RESTRICTED_VAULT).get_certificate("ada"),
        OTHER,
        403,
        "Forbidden",
        "ForbiddenByRbac",
    ),
    Row(
        "a restricted vault's key",
        lambda s: s.vault_keys(RESTRICTED_VAULT).get_key("ada"),
        OTHER,
        403,
        "Forbidden",
        "ForbiddenByRbac",
    ),
]

SERVICES = {
    "entra": ENTRA,
    "token": TOKENS,
    "arm": RESOURCE_MANAGER,
    "domain": SECURITY_DOMAIN,
    "administration": ADMINISTRATION,
    "keys": KEYS,
    "vault": KEY_VAULT,
}


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, id=f"{service}-{row.name}") for service, rows in SERVICES.items() for row in rows],
)
def test_it_is_refused(scene: Scene, row: Row) -> None:
    if row.first is not None:
        row.first(scene)
    with pytest.raises(HttpResponseError, match=row.words) as caught:
        row.attempt(scene)
    refused = caught.value
    code = refused.error.code if refused.error else None
    assert (type(refused).__name__, refused.status_code, code) == (row.error.__name__, row.status, row.code)
    if row.inner is not None:
        assert refused.error
        assert (refused.error.innererror or {}).get("code") == row.inner


@pytest.mark.parametrize(
    ("audience", "address", "code"),
    [
        (ARM, f"{ARM}/subscriptions", "MissingApiVersionParameter"),
        (MANAGED_HSM, f"{url(ACTIVE)}/keys", "BadParameter"),
        (VAULT_RESOURCE, f"https://{VAULT}.vault.azure.net/certificates", "BadParameter"),
    ],
)
def test_a_request_without_a_version_is_refused_which_no_sdk_sends(
    scene: Scene, audience: str, address: str, code: str
) -> None:
    headers = {"Authorization": f"Bearer {scene.token(audience).get_token().token}"}
    answer = requests.get(address, headers=headers, timeout=10)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


@pytest.mark.parametrize(
    ("audience", "address"),
    [
        (ARM, f"{ARM}/no-such"),
        (MANAGED_HSM, f"{url(ACTIVE)}/no-such"),
        (VAULT_RESOURCE, f"https://{VAULT}.vault.azure.net/no-such"),
    ],
)
def test_a_path_that_is_none_is_not_found(scene: Scene, audience: str, address: str) -> None:
    assert send(scene.token(audience).get_token().token, "GET", address).status_code == 404
