"""Diagnostic settings of HSMs."""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from local.azure.control.client import ControlClient
from tests.local.azure.monitor.conftest import Watched
from tests.local.azure.network.conftest import Caller, code

AUDIT = [{"category": "AuditEvent", "enabled": True}]
ALL_LOGS = [{"categoryGroup": "allLogs", "enabled": True}]
METRICS = [{"category": "AllMetrics", "enabled": True}]


def body(logs: list[dict[str, Any]] = AUDIT, **properties: Any) -> dict[str, Any]:
    return {"properties": {"logs": logs, **properties}}


def plain_code(response: requests.Response) -> tuple[int, str]:
    """Give the code of a refusal, which has no `error` around it."""
    return response.status_code, response.json()["code"]


def test_settings_are_made_listed_and_deleted(caller: Caller, watched: Watched) -> None:
    asked = body(ALL_LOGS, metrics=METRICS, workspaceId=watched.workspace, logAnalyticsDestinationType="Dedicated")
    made = caller("PUT", watched.setting(), asked)
    assert made.status_code == 200
    document = made.json()
    assert (document["id"], document["type"]) == (watched.setting(), "Microsoft.Insights/diagnosticSettings")
    assert document["properties"]["logs"] == ALL_LOGS
    assert document["properties"]["storageAccountId"] is None
    assert caller("GET", watched.setting()).json() == document
    assert caller("PUT", watched.setting(), asked).status_code == 200
    listing = watched.setting().rpartition("/")[0]
    assert caller("GET", listing).json() == {"value": [document]}
    categories = caller("GET", f"{listing}Categories").json()["value"]
    assert [item["name"] for item in categories] == ["AuditEvent", "AllMetrics"]
    resources = caller("GET", f"{watched.net.group}/resources").json()["value"]
    assert "Microsoft.Insights/diagnosticSettings" not in [item["type"] for item in resources]
    assert caller("DELETE", watched.setting()).status_code == 200
    assert caller("DELETE", watched.setting()).status_code == 204
    assert plain_code(caller("GET", watched.setting())) == (404, "ResourceNotFound")


def test_what_logs_are_sent_to_can_be_looked_at(caller: Caller, watched: Watched, control: ControlClient) -> None:
    account = f"{watched.net.group}/providers/Microsoft.Storage/storageAccounts/archive"
    rule = f"{watched.net.group}/providers/Microsoft.EventHub/namespaces/siem/authorizationRules/send"
    for resource in (account, rule):
        assert code(caller("GET", resource)) == (404, "ResourceNotFound")
        control.plant_resource(resource)
        assert caller("GET", resource).json()["id"] == resource
    assert caller("GET", account).json()["location"] == "norwayeast"


def test_what_is_wrong_with_a_setting_is_refused(caller: Caller, watched: Watched) -> None:
    workspace: dict[str, Any] = {"workspaceId": watched.workspace}
    cases = (
        (body(), "At least one data sink"),
        (body([*AUDIT, *ALL_LOGS], **workspace), "does not support mix of log category and log category group"),
        (body([{"category": "Audit", "enabled": True}], **workspace), "Category 'Audit' is not supported."),
        (body([{"categoryGroup": "some", "enabled": True}], **workspace), "Category group 'some'"),
        (body([{"enabled": True}], **workspace), "must have a category"),
        (body(metrics=[{"category": "Capacity", "enabled": True}], **workspace), "'Capacity'"),
        (body(workspaceId=f"{watched.workspace}-2"), "was not found"),
    )
    for asked, words in cases:
        refused = caller("PUT", watched.setting(), asked)
        assert plain_code(refused) == (400, "BadRequest")
        assert words in refused.json()["message"]
    assert caller("PUT", watched.setting().replace("hsm", "none"), body(**workspace)).status_code in (403, 404)


def test_a_category_goes_to_a_target_once(caller: Caller, watched: Watched, control: ControlClient) -> None:
    storage = f"{watched.net.group}/providers/Microsoft.Storage/storageAccounts/archive"
    assert caller("PUT", watched.setting(), body(workspaceId=watched.workspace)).status_code == 200
    for logs in (AUDIT, ALL_LOGS):
        refused = caller("PUT", watched.setting("two"), body(logs, workspaceId=watched.workspace.upper()))
        assert plain_code(refused) == (409, "Conflict")
        assert "is already used in diagnostic setting 'audit' for category 'AuditEvent'" in refused.json()["message"]
    assert caller("PUT", watched.setting("two"), body(storageAccountId=storage)).status_code == 200
    metrics = caller("PUT", watched.setting("three"), body([], metrics=METRICS, workspaceId=watched.workspace))
    assert metrics.status_code == 200
    for number in range(4, 7):
        control.plant_resource(f"{watched.workspace}-{number}")
        answer = caller("PUT", watched.setting(str(number)), body(workspaceId=f"{watched.workspace}-{number}"))
        assert answer.status_code == (409 if number == 6 else 200)
    assert answer.json()["message"] == "The limit of 5 diagnostic settings was reached."


def test_settings_outlive_their_hsm(caller: Caller, watched: Watched, control: ControlClient) -> None:
    caller("PUT", watched.setting(), body(workspaceId=watched.workspace))
    control.change_timing(provisioning_seconds=0)
    tenant = caller("GET", watched.hsm).json()["properties"]["tenantId"]
    caller("DELETE", watched.hsm)
    assert code(caller("GET", watched.setting())) == (404, "ResourceNotFound")
    recovery = {
        "location": "norwayeast",
        "sku": {"family": "B", "name": "Standard_B1"},
        "properties": {"createMode": "recover", "tenantId": tenant},
    }
    assert caller("PUT", watched.hsm, recovery).status_code == 202
    assert caller("GET", watched.setting()).status_code == 200


@pytest.mark.parametrize(
    ("role", "lacks"),
    [
        ("Monitoring Contributor", None),
        ("Reader", "Microsoft.Insights/diagnosticSettings/write"),
        (
            ["Microsoft.KeyVault/*", "Microsoft.Insights/diagnosticSettings/*"],
            "Microsoft.OperationalInsights/workspaces/sharedKeys/action",
        ),
    ],
)
def test_who_may_send_logs(sign_in: Callable[..., Caller], watched: Watched, role: Any, lacks: str | None) -> None:
    answer = sign_in(role)("PUT", watched.setting(), body(workspaceId=watched.workspace))
    if lacks is None:
        assert answer.status_code == 200
        return
    assert code(answer) == (403, "AuthorizationFailed" if role == "Reader" else "LinkedAuthorizationFailed")
    assert f"'{lacks}'" in answer.json()["error"]["message"]
