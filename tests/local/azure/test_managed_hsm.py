"""An HSM from nothing to active with the real SDKs, and all that its data plane refuses."""

import base64
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from azure.core.credentials import TokenCredential
from azure.core.exceptions import HttpResponseError, ResourceExistsError
from azure.keyvault.securitydomain import SecurityDomainClient
from azure.keyvault.securitydomain.models import OperationStatus
from azure.mgmt.keyvault import KeyVaultManagementClient
from cryptography.hazmat.primitives.serialization import Encoding

from local.azure.control.client import ControlClient
from local.azure.control.models import NewHold
from local.azure.launch import LocalAzure
from tests.local.azure.conftest import GROUP, MANAGED_HSM, SECONDS, download_body, send, wrapping_certificate


@pytest.fixture
def domain_client(hsm: str, credential: TokenCredential) -> Iterator[SecurityDomainClient]:
    with SecurityDomainClient(f"https://{hsm}.managedhsm.azure.net", credential) as client:
        yield client


def download(client: SecurityDomainClient) -> str:
    return str(client.begin_download(download_body(), skip_activation_polling=True).result().value)


def await_status(client: SecurityDomainClient, seconds: float = 5) -> str:
    deadline = time.monotonic() + seconds
    while (status := OperationStatus(client.get_download_status().status)) == OperationStatus.IN_PROGRESS:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return str(status.value)


def activation(client: KeyVaultManagementClient, name: str) -> tuple[str, str]:
    found = client.managed_hsms.get(GROUP, name)
    assert found
    properties = found.as_dict()["properties"]
    return properties["provisioningState"], properties["securityDomainProperties"]["activationStatus"]


def test_a_download_activates(
    hsm: str, hsm_client: KeyVaultManagementClient, domain_client: SecurityDomainClient, control: ControlClient
) -> None:
    assert activation(hsm_client, hsm) == ("Succeeded", "NotActivated")
    value = download(domain_client)
    assert activation(hsm_client, hsm) == ("Succeeded", "NotActivated")
    assert await_status(domain_client) == "Success"
    assert activation(hsm_client, hsm) == ("Succeeded", "Active")
    assert json.loads(value)["SharedKeys"]["required"] == 2
    (export,) = control.exports(hsm)
    assert export["sha256"] == hashlib.sha256(value.encode()).hexdigest()
    assert export["outcome"] == "Success"


def test_the_sdk_polls_to_the_end_by_itself(domain_client: SecurityDomainClient) -> None:
    poller = domain_client.begin_download(download_body(), polling_interval=0.1)
    assert poller.result().value
    assert poller.status() == "Success"


def test_a_second_download_during_activation_supersedes_the_first(
    hsm: str, domain_client: SecurityDomainClient, control: ControlClient
) -> None:
    assert download(domain_client) != download(domain_client)
    assert await_status(domain_client) == "Success"
    assert [export["outcome"] for export in control.exports(hsm)] == ["Superseded", "Success"]


def test_a_second_download_during_activation_can_be_refused(
    hsm: str, domain_client: SecurityDomainClient, control: ControlClient
) -> None:
    control.change_export_mode("refuse")
    download(domain_client)
    with pytest.raises(ResourceExistsError):
        download(domain_client)
    assert await_status(domain_client) == "Success"
    assert len(control.exports(hsm)) == 1


def test_an_active_hsm_hands_its_domain_out_again(
    hsm: str, hsm_client: KeyVaultManagementClient, domain_client: SecurityDomainClient
) -> None:
    download(domain_client)
    assert await_status(domain_client) == "Success"
    download(domain_client)
    assert activation(hsm_client, hsm) == ("Succeeded", "Active")
    assert await_status(domain_client) == "Success"


def test_a_failed_export_activates_nothing(
    hsm: str, hsm_client: KeyVaultManagementClient, domain_client: SecurityDomainClient, control: ControlClient
) -> None:
    control.queue_export_outcomes("Failed")
    assert download(domain_client)
    assert await_status(domain_client) == "Failed"
    assert activation(hsm_client, hsm) == ("Succeeded", "NotActivated")
    download(domain_client)
    assert await_status(domain_client) == "Success"
    assert activation(hsm_client, hsm) == ("Succeeded", "Active")


@pytest.mark.parametrize(("count", "required", "size"), [(2, 2, 2048), (3, 1, 2048), (3, 4, 2048), (3, 2, 1024)])
def test_a_quorum_or_a_key_out_of_range_is_refused(
    domain_client: SecurityDomainClient, count: int, required: int, size: int
) -> None:
    with pytest.raises(HttpResponseError, match="BadParameter"):
        domain_client.begin_download(download_body(count, required, size), skip_activation_polling=True)


@pytest.mark.parametrize("body", [None, {}, {"certificates": 1}, {"certificates": [{"x5c": ["?"]}], "required": 2}])
def test_a_body_that_is_none_is_refused(hsm: str, token: Callable[..., str], body: dict[str, Any] | None) -> None:
    url = f"https://{hsm}.managedhsm.azure.net/securitydomain/download"
    response = send(token(MANAGED_HSM), "POST", url, body)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "BadParameter")


def test_who_is_no_administrator_is_refused(hsm: str, token: Callable[..., str], control: ControlClient) -> None:
    stranger = token(MANAGED_HSM, objectId="11111111-1111-1111-1111-111111111111")
    url = f"https://{hsm}.managedhsm.azure.net/securitydomain/download"
    response = send(stranger, "POST", url, _body())
    assert response.status_code == 403
    assert response.json()["error"]["code"] == "AccessDenied"
    assert "securitydomain/download/action on /" in response.json()["error"]["message"]
    assert control.exports(hsm) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"audience": "https://management.azure.com"},
        {"expiresInSeconds": -60},
        {"notBeforeInSeconds": 600},
        {"signingKey": "unpublished"},
        {"issuer": "https://sts.windows.net/someone/"},
        {"tenantId": "22222222-2222-2222-2222-222222222222"},
    ],
    ids=str,
)
def test_a_wrong_token_is_challenged(
    hsm: str, token: Callable[..., str], wrong: dict[str, Any], azure: LocalAzure
) -> None:
    mint = {"audience": MANAGED_HSM, **wrong}
    response = send(token(**mint), "GET", f"https://{hsm}.managedhsm.azure.net/securitydomain/download/pending")
    assert (response.status_code, response.json()["error"]["code"]) == (401, "Unauthorized")
    tenant = f"https://login.microsoftonline.com/{azure.endpoints.tenant_id}"
    assert response.headers["WWW-Authenticate"] == f'Bearer authorization="{tenant}", resource="{MANAGED_HSM}"'


@pytest.mark.parametrize(("method", "body"), [("GET", b"OK"), ("POST", b"")])
def test_who_has_no_token_is_challenged_as_recorded(hsm: str, azure: LocalAzure, method: str, body: bytes) -> None:
    response = send("", method, f"https://{hsm}.managedhsm.azure.net/securitydomain/download/pending")
    tenant = f"https://login.microsoftonline.com/{azure.endpoints.tenant_id}"
    assert response.headers["WWW-Authenticate"] == f'Bearer authorization="{tenant}", resource="{MANAGED_HSM}"'
    assert (response.status_code, response.content) == (401, body)


def test_keys_wait_for_activation(hsm: str, token: Callable[..., str]) -> None:
    response = send(token(MANAGED_HSM), "GET", f"https://{hsm}.managedhsm.azure.net/keys")
    assert response.status_code == 403


def test_no_download_is_pending_before_the_first(hsm: str, token: Callable[..., str]) -> None:
    url = f"https://{hsm}.managedhsm.azure.net/securitydomain/download/pending"
    assert send(token(MANAGED_HSM), "GET", url).status_code == 404


def test_an_unknown_hsm_has_no_data_plane(token: Callable[..., str]) -> None:
    assert send(token(MANAGED_HSM), "GET", "https://no-such.managedhsm.azure.net/keys").status_code == 404


def test_a_hold_stops_a_download_after_its_effect(hsm: str, token: Callable[..., str], control: ControlClient) -> None:
    hold = control.hold(NewHold(service="managed_hsm", method="POST", path="/download", phase="after"))
    url = f"https://{hsm}.managedhsm.azure.net/securitydomain/download"
    access = token(MANAGED_HSM)
    body = _body()
    with pytest.raises(requests.Timeout):
        requests.post(
            url, params={"api-version": "7.5"}, json=body, headers={"Authorization": f"Bearer {access}"}, timeout=1.5
        )
    assert control.await_hold(hold, 5)
    # The effect is there, the answer was lost, and nobody else is stopped.
    assert len(control.exports(hsm)) == 1
    assert send(access, "POST", url, body).status_code == 202
    control.release(hold)


def test_a_hold_stops_a_download_before_its_effect_which_comes_without_its_client(
    hsm: str, token: Callable[..., str], control: ControlClient
) -> None:
    hold = control.hold(NewHold(service="managed_hsm", method="POST", path="/download", phase="before"))
    with pytest.raises(requests.Timeout):
        requests.post(
            f"https://{hsm}.managedhsm.azure.net/securitydomain/download",
            params={"api-version": "7.5"},
            json=_body(),
            headers={"Authorization": f"Bearer {token(MANAGED_HSM)}"},
            timeout=1,
        )
    assert control.await_hold(hold, 5)
    assert control.exports(hsm) == []
    control.release(hold)
    deadline = time.monotonic() + 5
    while not control.exports(hsm) and time.monotonic() < deadline:
        time.sleep(SECONDS / 4)
    assert len(control.exports(hsm)) == 1


def test_the_journal_tells_who_asked_and_no_secret(
    hsm: str, domain_client: SecurityDomainClient, control: ControlClient, application: Any
) -> None:
    value = download(domain_client)
    entries = control.journal("managed_hsm")
    entry = next(entry for entry in reversed(entries) if entry["method"] == "POST" and entry["status"] == 202)
    assert entry["host"] == f"{hsm}.managedhsm.azure.net"
    assert entry["callerObjectId"] == application.object_id
    text = json.dumps(entries)
    assert "api-version" not in text
    assert json.loads(value)["EncData"]["data"][0]["compact_jwe"] not in text


def _body() -> dict[str, Any]:
    ders = [wrapping_certificate(number).public_bytes(Encoding.DER) for number in range(3)]
    return {"certificates": [{"x5c": [base64.b64encode(der).decode()]} for der in ders], "required": 2}
