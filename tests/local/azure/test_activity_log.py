"""The activity log: who did what, and how it was answered."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from azure.core.credentials import TokenCredential

from local.azure.control.client import ControlClient
from local.azure.control.models import MadeApplication, PlantedHsm
from local.azure.launch import LocalAzure
from local.azure.resource_manager.activity_log import Activity, ActivityLog
from local.azure.resource_manager.callers import Caller
from tests.local.azure.conftest import ARM, send

GROUP = "rg-logged"
ALL = "eventTimestamp ge '2026-01-01T00:00:00Z'"


def ask(azure: LocalAzure, credential: TokenCredential | str, text: str) -> requests.Response:
    path = f"subscriptions/{azure.endpoints.subscription_id}/providers/Microsoft.Insights/eventtypes/management/values"
    return send(credential, "GET", f"{ARM}/{path}?$filter={text}")


@pytest.fixture
def path(azure: LocalAzure, control: ControlClient) -> str:
    control.plant_hsms(PlantedHsm(name="logged", resource_group=GROUP))
    group = f"/subscriptions/{azure.endpoints.subscription_id}/resourceGroups/{GROUP}"
    return f"{group}/providers/Microsoft.KeyVault/managedHSMs/logged"


def test_it_tells_who_changed_and_who_deleted(
    azure: LocalAzure,
    credential: TokenCredential,
    application: MadeApplication,
    token: Callable[..., str],
    path: str,
    control: ControlClient,
) -> None:
    role = token(ARM, objectId=azure.endpoints.identity_object_id, person=True)
    send(credential, "GET", f"{ARM}{path}")
    send(credential, "PATCH", f"{ARM}{path}", {"tags": {"team": "a"}})
    control.create_lock(path, "keep")
    send(role, "DELETE", f"{ARM}{path}")
    control.remove_lock(path, "keep")
    send(role, "DELETE", f"{ARM}{path}")
    events: list[dict[str, Any]] = ask(azure, credential, f"{ALL} and resourceUri eq '{path}'").json()["value"]
    told = [(event["operationName"]["value"], event["caller"], event["status"]["value"]) for event in events]
    assert told == [
        ("Microsoft.KeyVault/managedHSMs/delete", "ada@contoso.example", "Accepted"),
        ("Microsoft.KeyVault/managedHSMs/delete", "ada@contoso.example", "Failed"),
        ("Microsoft.KeyVault/managedHSMs/write", application.object_id, "Accepted"),
    ]
    refused = events[1]
    assert (refused["level"], refused["properties"]["statusCode"]) == ("Error", "Conflict")
    assert (refused["resourceId"], refused["resourceGroupName"]) == (path, GROUP)
    assert refused["authorization"] == {"action": "Microsoft.KeyVault/managedHSMs/delete", "scope": path}


def test_it_is_asked_by_time_and_by_group(azure: LocalAzure, credential: TokenCredential, path: str) -> None:
    send(credential, "PATCH", f"{ARM}{path}", {"tags": {"team": "b"}})
    event = ask(azure, credential, f"{ALL} and resourceGroupName eq '{GROUP.upper()}'").json()["value"][0]
    at = event["eventTimestamp"]
    assert ask(azure, credential, f"eventTimestamp ge '{at}' and eventTimestamp le '{at}'").json()["value"] == [event]
    assert ask(azure, credential, f"{ALL} and eventTimestamp le '2026-01-02'").json()["value"] == []


def test_what_is_older_than_90_days_is_forgotten() -> None:
    log, now = ActivityLog(), datetime(2026, 11, 1, tzinfo=UTC)
    caller = Caller("a tenant", "somebody", "")
    ages = {"old": timedelta(days=90), "young": timedelta(days=89)}
    for name, age in ages.items():
        log.record(Activity(now - age, caller, "Microsoft.KeyVault/managedHSMs/write", "/subscriptions/a", 202, name))
    assert [activity.correlation_id for activity in log.find(ALL, now)] == ["young"]


@pytest.mark.parametrize(
    "text",
    ["", "resourceUri eq 'a'", f"{ALL} or resourceUri eq 'a'", f"{ALL} and caller eq 'a'", "eventTimestamp ge 'now'"],
)
def test_a_filter_that_is_not_understood_is_refused(azure: LocalAzure, credential: TokenCredential, text: str) -> None:
    assert ask(azure, credential, text).status_code == 400


def test_a_selection_is_refused(azure: LocalAzure, credential: TokenCredential) -> None:
    assert ask(azure, credential, f"{ALL}&$select=caller").status_code == 400
