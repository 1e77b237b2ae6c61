"""Active HSMs, and people with roles on them."""

from collections.abc import Callable, Iterator

import pytest
from azure.core.credentials import TokenCredential
from azure.identity import ClientSecretCredential
from azure.keyvault.administration import KeyVaultAccessControlClient, KeyVaultRoleAssignment
from azure.keyvault.keys import KeyClient
from azure.keyvault.securitydomain import SecurityDomainClient
from azure.keyvault.securitydomain.models import CertificateInfo, SecurityDomainJsonWebKey
from azure.mgmt.keyvault import KeyVaultManagementClient

from local.azure.control.client import ControlClient
from local.azure.control.models import MadeApplication
from local.azure.launch import LocalAzure
from tests.custodians import Custodian, make_custodian
from tests.local.azure.conftest import ARM, GROUP, SECONDS, download_body, group_path, hsm_model, send
from tests.security_domain_opener import open_security_domain

ROLES = "Microsoft.KeyVault/providers/Microsoft.Authorization/roleDefinitions"
ADMINISTRATOR = "a290e904-7015-4bba-90c8-60543313cdb4"
CRYPTO_OFFICER = "515eb02d-2335-4d2d-92f2-b1cbdf9c3778"
CRYPTO_USER = "21dbd100-6940-42c2-9190-5d6cb909625b"
CRYPTO_AUDITOR = "2c18b078-7c48-4d3a-af88-5a3a1b3f82b3"
ENCRYPTION_USER = "33413926-3206-4cdd-b39a-83574fe37a17"
IDENTITY = "providers/Microsoft.ManagedIdentity/userAssignedIdentities/backup"


def url(hsm: str) -> str:
    return f"https://{hsm}.managedhsm.azure.net"


@pytest.fixture(autouse=True)
def punctual(control: ControlClient) -> Iterator[None]:
    """Undo what a test does to times that others do not use."""
    yield
    control.change_timing(upload_seconds=0, backup_seconds=0)


@pytest.fixture
def create_hsm(
    azure: LocalAzure,
    hsm_client: KeyVaultManagementClient,
    credential: TokenCredential,
    control: ControlClient,
    application: MadeApplication,
) -> Callable[..., str]:
    """Create HSMs that are ready at once; the tests' application is their administrator."""

    def create(name: str, *, identity: bool = True, **changes: object) -> str:
        control.change_timing(0, SECONDS)
        model = hsm_model(azure, application.object_id, **changes)
        if identity:
            made = send(credential, "PUT", f"{ARM}{group_path(azure)}/{IDENTITY}", {"location": "norwayeast"})
            model["identity"] = {"type": "UserAssigned", "userAssignedIdentities": {made.json()["id"]: {}}}
        hsm_client.managed_hsms.begin_create_or_update(GROUP, name, model).result()
        return name

    return create


def activate(hsm: str, credential: TokenCredential, control: ControlClient) -> str:
    """Download the security domain, which activates at once, and give it."""
    control.change_timing(activation_seconds=0)
    with SecurityDomainClient(url(hsm), credential) as client:
        value = client.begin_download(download_body(), polling_interval=0).result().value
    control.change_timing(activation_seconds=SECONDS)
    return str(value)


@pytest.fixture
def active_hsm(
    create_hsm: Callable[..., str], hsm_name: str, credential: TokenCredential, control: ControlClient
) -> str:
    """An active HSM, of which the tests' application is administrator and nothing else."""
    create_hsm(hsm_name)
    activate(hsm_name, credential, control)
    return hsm_name


def grant(
    hsm: str, credential: TokenCredential, principal: str, *roles: str, scope: str = "/"
) -> list[KeyVaultRoleAssignment]:
    with KeyVaultAccessControlClient(url(hsm), credential) as client:
        return [client.create_role_assignment(scope, f"{ROLES}/{role}", principal) for role in roles]


@pytest.fixture
def keys(active_hsm: str, credential: TokenCredential, application: MadeApplication) -> Iterator[KeyClient]:
    """The keys of an active HSM, for one who is Crypto User and Crypto Officer."""
    grant(active_hsm, credential, application.object_id, CRYPTO_USER, CRYPTO_OFFICER)
    with KeyClient(url(active_hsm), credential) as client:
        yield client


@pytest.fixture(scope="session")
def other(control: ControlClient) -> MadeApplication:
    """Somebody without any role."""
    return control.create_application("somebody", {})


@pytest.fixture
def other_credential(azure: LocalAzure, other: MadeApplication) -> Iterator[TokenCredential]:
    with ClientSecretCredential(azure.endpoints.tenant_id, other.client_id, other.client_secret) as credential:
        yield credential


@pytest.fixture(scope="session")
def holders() -> list[Custodian]:
    """Custodians whose private keys the tests have."""
    return [make_custodian(f"holder {number}") for number in range(3)]


def open_domain(hsm: str, credential: TokenCredential, holders: list[Custodian]) -> dict[str, bytes]:
    """Download an HSM's security domain, and open it with two of three private keys."""
    keys = [
        SecurityDomainJsonWebKey(
            kid="",
            kty="RSA",
            key_ops=[""],
            n="",
            e="",
            x5_c=["".join(holder.pem.splitlines()[1:-1])],
            x5_t="",
            x5_t_s256="",
            alg="RSA-OAEP-256",
        )
        for holder in holders
    ]
    with SecurityDomainClient(url(hsm), credential) as client:
        poller = client.begin_download(CertificateInfo(certificates=keys, required=2), skip_activation_polling=True)
        value = str(poller.result().value)
    return open_security_domain(value.encode(), {holder.thumbprint: holder.key for holder in holders[1:]})  # type: ignore[misc]
