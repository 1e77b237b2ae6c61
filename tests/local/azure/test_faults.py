"""What the control API can let go wrong, and what clients see of it."""

import time
from collections.abc import Callable, Iterator
from json import JSONDecodeError

import pytest
import requests
from azure.core.credentials import TokenCredential
from azure.core.exceptions import (
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.storage.blob import BlobServiceClient

from local.azure.control.client import ControlClient
from local.azure.control.models import NewFault
from local.azure.core.faults import Answer, BrokenBody, Delay, Effect, Reset
from local.azure.launch import LocalAzure
from tests.local.azure.conftest import ARM, send


@pytest.fixture
def groups(azure: LocalAzure, credential: TokenCredential) -> Iterator[ResourceManagementClient]:
    with ResourceManagementClient(credential, azure.endpoints.subscription_id, retry_total=0) as client:
        yield client


@pytest.fixture(autouse=True)
def calm_again(control: ControlClient) -> Iterator[None]:
    yield
    control.clear_faults()


def inject(control: ControlClient, path: str, effect: Effect, method: str = "PUT", count: int = 1) -> None:
    control.inject_fault(NewFault(service="resource_manager", method=method, path=path, effect=effect, count=count))


def put(client: ResourceManagementClient, name: str) -> None:
    client.resource_groups.create_or_update(name, {"location": "norwayeast"})


@pytest.mark.parametrize(
    ("effect", "status", "code"),
    [
        (Answer(status=429, retry_after_seconds=7), 429, "TooManyRequests"),
        (Answer(status=503, retry_after_seconds=7), 503, "InjectedFault"),
        (Answer(status=500), 500, "InjectedFault"),
        (Answer(status=403), 403, "AuthorizationFailed"),
        (Answer(status=409, code="AnotherOperationInProgress"), 409, "AnotherOperationInProgress"),
    ],
    ids=lambda value: str(getattr(value, "status", value)),
)
def test_an_answer_in_place_of_the_services_and_nothing_takes_effect(
    control: ControlClient, groups: ResourceManagementClient, effect: Answer, status: int, code: str
) -> None:
    inject(control, "/resourcegroups/rg-answer", effect)
    with pytest.raises(HttpResponseError) as raised:
        put(groups, "rg-answer")
    assert (raised.value.status_code, raised.value.error and raised.value.error.code) == (status, code)
    headers = getattr(raised.value.response, "headers", {})
    assert headers.get("Retry-After") == (None if effect.retry_after_seconds is None else "7")
    assert not groups.resource_groups.check_existence("rg-answer")
    put(groups, "rg-answer")
    groups.resource_groups.begin_delete("rg-answer").result()


def test_a_delay(control: ControlClient, groups: ResourceManagementClient) -> None:
    inject(control, "/resourcegroups/rg-late", Delay(seconds=0.6))
    began = time.monotonic()
    put(groups, "rg-late")
    assert 0.6 <= time.monotonic() - began < 5


@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_connection_breaks_before_or_after_the_effect(
    control: ControlClient, groups: ResourceManagementClient, phase: str
) -> None:
    name = f"rg-reset-{phase}"
    inject(control, f"/resourcegroups/{name}", Reset.model_validate({"phase": phase}))
    with pytest.raises((ServiceRequestError, ServiceResponseError)):
        put(groups, name)
    assert groups.resource_groups.check_existence(name) == (phase == "after")


@pytest.mark.parametrize("form", ["truncated", "not_json"])
def test_a_broken_body_after_the_effect(control: ControlClient, groups: ResourceManagementClient, form: str) -> None:
    name = f"rg-{form}".replace("_", "-")
    inject(control, f"/resourcegroups/{name}", BrokenBody.model_validate({"form": form}))
    with pytest.raises((HttpResponseError, ServiceResponseError, JSONDecodeError)):
        put(groups, name)
    assert groups.resource_groups.check_existence(name)


def test_the_sdk_gets_over_what_is_transient(
    azure: LocalAzure, credential: TokenCredential, control: ControlClient
) -> None:
    inject(control, "/resourcegroups/rg-again", Answer(status=503), count=2)
    with ResourceManagementClient(credential, azure.endpoints.subscription_id, retry_backoff_factor=0.01) as client:
        put(client, "rg-again")
    assert [fault["met"] for fault in control.faults()] == [2]


def test_a_fault_skips_counts_and_is_written_down(control: ControlClient, groups: ResourceManagementClient) -> None:
    since = len(control.journal())
    fault = NewFault(service="resource_manager", path="/rg-none", skip=1, count=2, effect=Answer(status=500))
    control.inject_fault(fault)
    statuses = []
    for _ in range(4):
        with pytest.raises(HttpResponseError) as raised:
            groups.resource_groups.get("rg-none")
        statuses.append(raised.value.status_code)
    assert statuses == [404, 500, 500, 404]
    assert [entry["fault"] for entry in control.journal("resource_manager", since=since)] == [
        None,
        "answer",
        "answer",
        None,
    ]


def test_blob_storage_fails_in_its_own_form(
    azure: LocalAzure, credential: TokenCredential, control: ControlClient
) -> None:
    control.inject_fault(NewFault(service="blob_storage", path="/some-container", effect=Answer(status=503)))
    url = azure.endpoints.storage_account_url
    with BlobServiceClient(url, credential=credential, retry_total=0) as service:
        with pytest.raises(HttpResponseError) as raised:
            service.get_container_client("some-container").get_container_properties()
        assert raised.value.error_code == "ServerBusy"  # type: ignore[attr-defined]
        with pytest.raises(ResourceNotFoundError):
            service.get_container_client("some-container").get_container_properties()


def test_time_can_be_moved_on(azure: LocalAzure, control: ControlClient, token: Callable[..., str]) -> None:
    control.change_timing(3600, 3600)
    group = f"{ARM}/subscriptions/{azure.endpoints.subscription_id}/resourcegroups/rg-time"
    access = token(ARM)
    send(access, "PUT", group, {"location": "norwayeast"})
    path = f"{group}/providers/Microsoft.KeyVault/managedHSMs/slow-hsm"
    body = {
        "location": "norwayeast",
        "sku": {"family": "B", "name": "Standard_B1"},
        "properties": {"tenantId": azure.endpoints.tenant_id, "initialAdminObjectIds": ["someone"]},
    }
    assert send(access, "PUT", path, body).status_code == 202
    states = [send(access, "GET", path).json()["properties"]["provisioningState"]]
    control.change_clock(advance_seconds=3601)
    states += [send(access, "GET", path).json()["properties"]["provisioningState"]]
    assert states == ["Provisioning", "Succeeded"]
    assert requests.get(f"{azure.endpoints.control_url}/clock", timeout=5).json()["speed"] == 1
