"""HSMs that the control API plants, and what their metric tells of them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from azure.core.credentials import TokenCredential
from azure.mgmt.keyvault import KeyVaultManagementClient

from local.azure.control.client import ControlClient
from local.azure.control.models import PlantedHits, PlantedHsm
from local.azure.launch import LocalAzure
from tests.local.azure.conftest import ARM, GROUP, MANAGED_HSM, group_path, send

LONG_AGO = datetime(2026, 1, 1, 12, 30, tzinfo=UTC)
PLANTED = "rg-planted"


def planted(name: str, **others: Any) -> PlantedHsm:
    return PlantedHsm(name=name, resource_group=PLANTED, **others)


def ask(
    azure: LocalAzure, credential: TokenCredential, name: str, group: str = PLANTED, **changes: str | None
) -> requests.Response:
    """Ask for an HSM's metric."""
    asked = {"metricnames": "ServiceApiHit", "aggregation": "Count", "interval": "P1D", **changes}
    query = "&".join(f"{name}={value}" for name, value in asked.items() if value is not None)
    path = group_path(azure).replace(GROUP, group)
    hsm = f"{path}/providers/Microsoft.KeyVault/managedHSMs/{name}"
    return send(credential, "GET", f"{ARM}{hsm}/providers/Microsoft.Insights/metrics?{query}")


def series(response: requests.Response) -> list[int]:
    assert response.status_code == 200, response.text
    (metric,) = response.json()["value"]
    (only,) = metric["timeseries"]
    return [piece["count"] for piece in only["data"]]


@pytest.mark.parametrize(
    ("state", "provisioning", "activation"),
    [
        ("NotActivated", "Succeeded", "NotActivated"),
        ("Active", "Succeeded", "Active"),
        ("Failed", "Failed", "NotActivated"),
    ],
)
def test_an_hsm_is_planted_in_a_state(
    control: ControlClient, hsm_client: KeyVaultManagementClient, state: Any, provisioning: str, activation: str
) -> None:
    control.plant_hsms(planted("grown", state=state, tags={"team": "a"}, created_at=LONG_AGO, created_by="somebody"))
    found: Any = hsm_client.managed_hsms.get(PLANTED, "grown")
    assert found.properties.provisioning_state == provisioning
    assert found.properties.security_domain_properties.activation_status == activation
    assert (found.tags, found.location) == ({"team": "a"}, "norwayeast")
    assert (found.system_data.created_at, found.system_data.created_by) == (LONG_AGO, "somebody")
    control.change_creation("grown", created_at=LONG_AGO + timedelta(days=1), created_by="ada", created_by_type="User")
    changed: Any = hsm_client.managed_hsms.get(PLANTED, "grown")
    made = changed.system_data
    assert (made.created_at, made.created_by, made.created_by_type) == (LONG_AGO + timedelta(days=1), "ada", "User")


def test_a_fleet_is_planted_in_one_call(control: ControlClient, hsm_client: KeyVaultManagementClient) -> None:
    now = control.now()
    deleted = [
        planted(f"gone-{number}", deleted_at=now - timedelta(days=number), soft_delete_retention_in_days=90)
        for number in range(10)
    ]
    control.plant_hsms(*(planted(f"fleet-{number:03}") for number in range(300)), *deleted)
    assert len(list(hsm_client.managed_hsms.list_by_resource_group(PLANTED))) == 300
    gone: Any = {item.name: item for item in hsm_client.managed_hsms.list_deleted()}
    assert len(gone) == 10
    assert gone["gone-3"].properties.deletion_date == now - timedelta(days=3)
    assert gone["gone-3"].properties.scheduled_purge_date == now + timedelta(days=87)
    with pytest.raises(requests.HTTPError, match="409"):
        control.plant_hsms(planted("fleet-000"))
    with pytest.raises(requests.HTTPError, match="404"):
        control.plant_hsms(planted("elsewhere", subscription_id="none"))


def test_one_that_was_deleted_too_long_ago_is_purged(
    control: ControlClient, hsm_client: KeyVaultManagementClient
) -> None:
    control.plant_hsms(planted("forgotten", deleted_at=LONG_AGO, soft_delete_retention_in_days=7))
    assert list(hsm_client.managed_hsms.list_deleted()) == []


def test_a_planted_hsm_lives_on_as_others_do(control: ControlClient, hsm_client: KeyVaultManagementClient) -> None:
    control.plant_hsms(planted("living"))
    hsms = hsm_client.managed_hsms
    hsms.begin_delete(PLANTED, "living").result()
    hsms.begin_purge_deleted("living", "norwayeast").result()
    assert hsms.begin_delete(PLANTED, "living").result() is None


def test_the_metric_counts_planted_requests_by_the_day(
    azure: LocalAzure, credential: TokenCredential, control: ControlClient
) -> None:
    hits = [PlantedHits(at=LONG_AGO + timedelta(days=day), count=count) for day, count in ((0, 5), (2, 7))]
    control.plant_hsms(planted("used", hits=hits), planted("unused"))
    control.plant_hits("used", LONG_AGO, 2)
    timespan = "2026-01-01T00:00:00Z/2026-01-05T00:00:00Z"
    response = ask(azure, credential, "used", timespan=timespan)
    assert series(response) == [7, 0, 7, 0]
    body = response.json()
    path = group_path(azure).replace("resourcegroups", "resourceGroups").replace(GROUP, PLANTED)
    assert body.pop("value") == [
        {
            "id": (
                f"{path}/providers/Microsoft.KeyVault/managedHSMs/used/providers/Microsoft.Insights/metrics/ServiceApiHit"
            ),
            "type": "Microsoft.Insights/metrics",
            "name": {"value": "ServiceApiHit", "localizedValue": "Total Service Api Hits"},
            "displayDescription": "Number of total service api hits",
            "unit": "Count",
            "timeseries": [
                {
                    "metadatavalues": [],
                    "data": [
                        {"timeStamp": f"2026-01-0{day}T00:00:00Z", "count": count}
                        for day, count in ((1, 7), (2, 0), (3, 7), (4, 0))
                    ],
                }
            ],
            "errorCode": "Success",
        }
    ]
    assert body == {
        "cost": 0,
        "timespan": timespan,
        "interval": "P1D",
        "namespace": "Microsoft.KeyVault/managedHSMs",
        "resourceregion": "norwayeast",
    }
    assert ask(azure, credential, "unused", timespan=timespan).json()["value"][0]["timeseries"] == []
    hours = "2026-01-01T12:00:00Z/2026-01-01T14:30:00Z"
    assert series(ask(azure, credential, "used", timespan=hours, interval="PT1H")) == [7, 0, 0]


def test_the_metric_counts_what_the_hsm_answered(
    azure: LocalAzure, credential: TokenCredential, control: ControlClient, hsm: str, token: Callable[..., str]
) -> None:
    access = token(MANAGED_HSM)
    for who in (access, ""):
        send(who, "GET", f"https://{hsm}.managedhsm.azure.net/keys")
    assert sum(series(ask(azure, credential, hsm, GROUP, timespan=None, interval=None))) == 2
    control.change_clock(advance_seconds=3660)
    assert sum(series(ask(azure, credential, hsm, GROUP, timespan=None, interval=None))) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"metricnames": "Availability"},
        {"aggregation": "Total"},
        {"interval": "P7D"},
        {"timespan": "2026-01-02/2026-01-01"},
        {"timespan": "2026-01-01/2026-12-01"},
        {"timespan": "yesterday"},
        {"$filter": "ActivityName eq 'keyget'"},
    ],
)
def test_what_the_metric_cannot_tell_is_refused(
    azure: LocalAzure, credential: TokenCredential, control: ControlClient, changes: dict[str, str]
) -> None:
    control.plant_hsms(planted("asked"))
    response = ask(azure, credential, "asked", **changes)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "BadRequest")


def test_the_metric_is_of_an_hsm_that_is_there_and_for_who_may_read_it(
    azure: LocalAzure, credential: TokenCredential, control: ControlClient, token: Callable[..., str]
) -> None:
    control.plant_hsms(planted("gone", deleted_at=control.now()), planted("there"))
    missing = ask(azure, credential, "gone")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "ResourceNotFound")
    path = f"{group_path(azure).replace(GROUP, PLANTED)}/providers/Microsoft.KeyVault/managedHSMs/there"
    stranger = token(ARM, objectId="00000000-0000-0000-0000-00000000beef")
    refused = send(stranger, "GET", f"{ARM}{path}/providers/Microsoft.Insights/metrics")
    assert refused.status_code == 403
    assert "Microsoft.Insights/metrics/read" in refused.json()["error"]["message"]
