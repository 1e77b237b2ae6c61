"""One local Azure for all of its tests, and unmodified clients that find it as they would find Azure."""

import base64
import itertools
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
import requests
from azure.core.credentials import TokenCredential
from azure.identity import ClientSecretCredential
from azure.keyvault.securitydomain.models import CertificateInfo, SecurityDomainJsonWebKey
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.keyvault.models import ManagedHsm, ManagedHsmProperties, ManagedHsmSku
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from local.azure.control.client import ControlClient
from local.azure.control.models import MadeApplication, NewToken
from local.azure.launch import LocalAzure, start_local_azure
from tests.custodians import make_custodian

SECONDS = 0.4
GROUP = "rg-hsm"
MANAGED_HSM = "https://managedhsm.azure.net"
ARM = "https://management.azure.com"
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAzure]:
    running = start_local_azure(tmp_path_factory.mktemp("azure"), SECONDS, SECONDS)
    yield running
    running.process.stop()


@pytest.fixture(scope="session")
def control(azure: LocalAzure) -> ControlClient:
    return ControlClient(azure.endpoints.control_url)


@pytest.fixture(autouse=True)
def alone(azure: LocalAzure, control: ControlClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set what clients need, for this test alone since others have another Azure, and undo what it did."""
    for name, value in azure.environment().items():
        monkeypatch.setenv(name, value)
    yield
    control.change_timing(SECONDS, SECONDS)
    control.change_export_mode("again")
    control.forget_hsms()


@pytest.fixture(scope="session")
def application(control: ControlClient) -> MadeApplication:
    return control.create_application("tests", {}, "Contributor")


@pytest.fixture
def credential(azure: LocalAzure, application: MadeApplication) -> Iterator[TokenCredential]:
    with ClientSecretCredential(
        azure.endpoints.tenant_id, application.client_id, application.client_secret
    ) as credential:
        yield credential


@pytest.fixture
def hsm_client(azure: LocalAzure, credential: TokenCredential) -> Iterator[KeyVaultManagementClient]:
    send(credential, "PUT", f"{ARM}{group_path(azure)}", {"location": "norwayeast"})
    with KeyVaultManagementClient(credential, azure.endpoints.subscription_id, polling_interval=0.1) as client:
        yield client


@pytest.fixture
def hsm_name() -> str:
    return f"test-hsm-{next(_NUMBERS)}"


@pytest.fixture
def hsm(
    hsm_client: KeyVaultManagementClient,
    hsm_name: str,
    application: MadeApplication,
    azure: LocalAzure,
    control: ControlClient,
) -> str:
    """An HSM that is provisioned and not activated; ours to download from."""
    control.change_timing(0, SECONDS)
    hsm_client.managed_hsms.begin_create_or_update(GROUP, hsm_name, hsm_model(azure, application.object_id)).result()
    control.change_timing(SECONDS, SECONDS)
    return hsm_name


@pytest.fixture
def token(control: ControlClient, application: MadeApplication) -> Callable[..., str]:
    """Mint the application's token for an audience, or one that is wrong in some way."""

    def mint(audience: str, **wrong: Any) -> str:
        claims = {"audience": audience, "objectId": application.object_id, **wrong}
        return control.create_token(NewToken.model_validate(claims))

    return mint


def group_path(azure: LocalAzure) -> str:
    return f"/subscriptions/{azure.endpoints.subscription_id}/resourcegroups/{GROUP}"


def hsm_model(azure: LocalAzure, *administrators: str, **changes: Any) -> ManagedHsm:
    properties = {
        "tenant_id": azure.endpoints.tenant_id,
        "initial_admin_object_ids": list(administrators),
        "soft_delete_retention_in_days": 7,
        **changes,
    }
    sku = ManagedHsmSku(family="B", name="Standard_B1")
    return ManagedHsm(location="norwayeast", sku=sku, properties=ManagedHsmProperties(**properties))


def send(
    credential: TokenCredential | str,
    method: str,
    url: str,
    body: dict[str, Any] | None = None,
    *,
    scope: str = f"{ARM}/.default",
) -> requests.Response:
    """Send a request as no SDK would."""
    access = credential if isinstance(credential, str) else credential.get_token(scope).token
    headers = {"Authorization": f"Bearer {access}"} if access else {}
    return requests.request(
        method, url, params={"api-version": "2024-11-01"}, json=body, headers=headers, timeout=10, allow_redirects=False
    )


@cache
def wrapping_certificate(number: int, size: int = 2048) -> x509.Certificate:
    """Make a custodian's certificate, once."""
    return x509.load_pem_x509_certificate(make_custodian(f"custodian {number}", bits=size).pem.encode())


def download_body(count: int = 3, required: int = 2, size: int = 2048) -> CertificateInfo:
    keys = []
    for number in range(count):
        certificate = wrapping_certificate(number, size)
        x5c = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
        # As Terraform does: nothing but x5c is right.
        keys.append(
            SecurityDomainJsonWebKey(
                kid="", kty="RSA", key_ops=[""], n="", e="", x5_c=[x5c], x5_t="", x5_t_s256="", alg="RSA-OAEP-256"
            )
        )
    return CertificateInfo(certificates=keys, required=required)
