"""Entra, the managed identity, the proxy."""

import ssl
import time
from pathlib import Path

import pytest
import requests
from azure.core.exceptions import (
    ClientAuthenticationError,
)
from azure.identity import ClientSecretCredential, ManagedIdentityCredential

from local.azure.control.client import ControlClient
from local.azure.control.models import MadeApplication
from local.azure.launch import LocalAzure, start_local_azure
from tests.local.azure.conftest import ARM
from tests.processes import list_processes

AUDIENCE = "api://an-api"


def test_roles_are_in_the_token_of_a_registered_audience(azure: LocalAzure, control: ControlClient) -> None:
    import jwt

    made = control.create_application("portal", {AUDIENCE: ["Do.It"]})
    with ClientSecretCredential(azure.endpoints.tenant_id, made.client_id, made.client_secret) as credential:
        token = credential.get_token(f"{AUDIENCE}/.default").token
        with pytest.raises(ClientAuthenticationError, match="AADSTS500011"):
            credential.get_token("api://unknown/.default")
    base = f"https://login.microsoftonline.com/{azure.endpoints.tenant_id}"
    configuration = requests.get(f"{base}/v2.0/.well-known/openid-configuration", timeout=5).json()
    (key,) = requests.get(configuration["jwks_uri"], timeout=5).json()["keys"]
    claims = jwt.decode(token, jwt.PyJWK(key).key, algorithms=["RS256"], audience=AUDIENCE)
    assert claims["roles"] == ["Do.It"]
    assert claims["oid"] == made.object_id
    assert claims["iss"] == f"https://sts.windows.net/{azure.endpoints.tenant_id}/"


def test_entra_refuses_a_wrong_secret_and_an_unknown_application(
    azure: LocalAzure, application: MadeApplication
) -> None:
    for client_id, code in {application.client_id: "AADSTS7000215", azure.endpoints.tenant_id: "AADSTS700016"}.items():
        with (
            ClientSecretCredential(azure.endpoints.tenant_id, client_id, "wrong") as credential,
            pytest.raises(ClientAuthenticationError, match=code),
        ):
            credential.get_token(f"{ARM}/.default")


def test_the_managed_identity(azure: LocalAzure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", azure.endpoints.identity_endpoint)
    monkeypatch.setenv("IDENTITY_HEADER", azure.endpoints.identity_header)
    with ManagedIdentityCredential(client_id=azure.endpoints.identity_client_id) as credential:
        token = credential.get_token(f"{ARM}/.default")
    assert token.expires_on > time.time() + 3000
    url = f"{ARM}/subscriptions/{azure.endpoints.subscription_id}?api-version=2022-12-01"
    assert requests.get(url, headers={"Authorization": f"Bearer {token.token}"}, timeout=5).status_code == 200
    wrong = {"X-IDENTITY-HEADER": "wrong"}
    assert (
        requests.get(f"{azure.endpoints.identity_endpoint}?resource={ARM}", headers=wrong, timeout=5).status_code == 401
    )


def test_nothing_leaves_the_machine() -> None:
    for url in ("https://example.com/", "https://management.azure.com:444/"):
        with pytest.raises(requests.exceptions.ProxyError):
            requests.get(url, timeout=5)


def test_the_authority_satisfies_strict_verification(azure: LocalAzure) -> None:
    context = ssl.create_default_context(cafile=azure.endpoints.ca_bundle)
    assert context.verify_flags & ssl.VERIFY_X509_STRICT


def test_what_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    running = start_local_azure(tmp_path, 1, 1)
    address = running.endpoints.control_url
    assert (tmp_path / "azure.json").stat().st_mode & 0o077 == 0
    assert requests.get(f"{address}/timing", timeout=5).json()["provisioningSeconds"] == 1
    running.process.stop()
    assert not (tmp_path / "azure.json").exists()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{address}/timing", timeout=5)
    assert str(tmp_path) not in list_processes()
