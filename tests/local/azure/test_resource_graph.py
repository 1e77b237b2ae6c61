"""Resource Graph: what its tables have, who sees it, how it is asked and in which pages it answers."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from azure.core.credentials import TokenCredential

from local.azure.control.client import ControlClient
from local.azure.control.models import PlantedHsm
from local.azure.launch import LocalAzure
from local.azure.resource_manager.graph_query import NotUnderstood, read_query, run_query
from tests.local.azure.conftest import ARM, send

URL = f"{ARM}/providers/Microsoft.ResourceGraph/resources"
HSMS = "resources | where type =~ 'microsoft.keyvault/managedhsms'"
type Asker = Callable[..., requests.Response]


@pytest.fixture(autouse=True)
def rules(control: ControlClient) -> Iterator[None]:
    """Let tests ask as often as they like, and undo what they changed."""
    control.change_resource_manager(graph_quota=1000)
    yield
    control.change_resource_manager(graph_quota=15, graph_lag_seconds=0)


@pytest.fixture
def ask(azure: LocalAzure, token: Callable[..., str]) -> Asker:
    """Ask as the managed identity, which is Contributor in every subscription."""
    access = token(ARM, objectId=azure.endpoints.identity_object_id)

    def post(query: str, who: TokenCredential | str = access, **others: Any) -> requests.Response:
        return send(who, "POST", URL, {"query": query, **others})

    return post


def names(response: requests.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [row["name"] for row in response.json()["data"]]


def planted(name: str, **others: Any) -> PlantedHsm:
    return PlantedHsm(name=name, resource_group="RG-Graph", **others)


def test_an_hsm_is_a_row(azure: LocalAzure, control: ControlClient, ask: Asker) -> None:
    control.plant_hsms(planted("seen", tags={"team": "a"}), planted("gone", deleted_at="2026-11-01T00:00:00Z"))
    answer = ask(HSMS)
    assert int(answer.headers["x-ms-user-quota-remaining"]) < 1000
    assert "00:00:00" <= answer.headers["x-ms-user-quota-resets-after"] <= "00:00:05"
    body = answer.json()
    (row,) = body.pop("data")
    assert body == {"totalRecords": 1, "count": 1, "facets": [], "resultTruncated": "false"}
    properties = row.pop("properties")
    assert (properties["provisioningState"], properties["hsmUri"]) == (
        "Succeeded",
        "https://seen.managedhsm.azure.net/",
    )
    assert properties["securityDomainProperties"]["activationStatus"] == "Active"
    group = f"/subscriptions/{azure.endpoints.subscription_id}/resourceGroups/RG-Graph"
    assert row == {
        "id": f"{group}/providers/Microsoft.KeyVault/managedHSMs/seen",
        "name": "seen",
        "type": "microsoft.keyvault/managedhsms",
        "tenantId": azure.endpoints.tenant_id,
        "kind": "",
        "location": "norwayeast",
        "resourceGroup": "rg-graph",
        "subscriptionId": azure.endpoints.subscription_id,
        "managedBy": "",
        "sku": {"family": "B", "name": "Standard_B1"},
        "plan": None,
        "tags": {"team": "a"},
        "identity": None,
        "zones": None,
        "extendedLocation": None,
    }


def test_subscriptions_and_groups_are_containers(control: ControlClient, ask: Asker) -> None:
    groups = [{"name": "mg-team-a", "displayName": "Team A"}, {"name": "root", "displayName": "Contoso"}]
    made = control.create_subscription(display_name="Team A, test", tags={"team": "a"}, management_groups=groups)
    control.plant_hsms(PlantedHsm(name="placed", resource_group="RG-Placed", subscription_id=made))
    found = ask(
        "ResourceContainers | where type =~ 'Microsoft.Resources/subscriptions' | project id, name, tags, "
        "state = properties.state, chain = properties.managementGroupAncestorsChain",
        subscriptions=[made],
    ).json()["data"]
    assert found == [
        {
            "id": f"/subscriptions/{made}",
            "name": "Team A, test",
            "tags": {"team": "a"},
            "state": "Enabled",
            "chain": [{"displayName": "Team A", "name": "mg-team-a"}, {"displayName": "Contoso", "name": "root"}],
        }
    ]
    inside = "resourcecontainers | where type =~ 'microsoft.resources/subscriptions/resourcegroups' | project name, id"
    assert names(ask(inside, subscriptions=[made])) == ["RG-Placed"]
    assert names(ask(HSMS, managementGroups=["MG-TEAM-A"])) == ["placed"]
    assert names(ask(HSMS, managementGroups=["mg-team-b"])) == []
    control.change_subscription(made, management_groups=[])
    assert names(ask(HSMS, managementGroups=["mg-team-a"])) == []


def test_everybody_sees_what_they_may_read(
    azure: LocalAzure, credential: TokenCredential, control: ControlClient, ask: Asker, token: Callable[..., str]
) -> None:
    elsewhere = control.create_subscription()
    control.plant_hsms(
        PlantedHsm(name="ours", resource_group="rg-a"),
        PlantedHsm(name="theirs", resource_group="rg-a", subscription_id=elsewhere),
    )
    assert sorted(names(ask(HSMS))) == ["ours", "theirs"]
    assert names(ask(HSMS, credential)) == ["ours"]
    assert names(ask(HSMS, credential, subscriptions=[elsewhere])) == []
    stranger = token(ARM, objectId="00000000-0000-0000-0000-00000000beef")
    assert names(ask(HSMS, stranger)) == []
    other_tenant = token(ARM, tenantId=azure.endpoints.other_tenant_id, objectId=azure.endpoints.identity_object_id)
    assert names(ask(HSMS, other_tenant)) == []
    assert ask(HSMS, token("https://vault.azure.net")).status_code == 401


def test_answers_come_in_pages(control: ControlClient, ask: Asker) -> None:
    control.plant_hsms(*(planted(f"paged-{number}") for number in range(5)))
    query = f"{HSMS} | project id, name | order by name asc"
    options: dict[str, Any] = {"$top": 2, "resultFormat": "ObjectArray"}
    found, body = [], {"$skipToken": None}
    while "$skipToken" in body:
        body = ask(query, options=options).json()
        assert (body["totalRecords"], body["count"]) == (5, len(body["data"]))
        assert body["resultTruncated"] == ("true" if "$skipToken" in body else "false")
        found += [row["name"] for row in body["data"]]
        options["$skipToken"] = body.get("$skipToken")
    assert found == [f"paged-{number}" for number in range(5)]
    without_ids = ask(f"{HSMS} | project name", options={"$top": 2}).json()
    assert (without_ids["resultTruncated"], "$skipToken" in without_ids) == ("true", False)
    assert names(ask(query, options={"$skip": 4})) == ["paged-4"]
    token = ask(query, options={"$top": 2}).json()["$skipToken"]
    assert ask(HSMS, options={"$skipToken": token}).status_code == 400
    assert ask(HSMS, options={"$skipToken": "none"}).status_code == 400


def test_it_lags_behind(control: ControlClient, credential: TokenCredential, ask: Asker, azure: LocalAzure) -> None:
    control.change_resource_manager(graph_lag_seconds=100)
    control.plant_hsms(planted("late"))
    hsm = f"{ARM}/subscriptions/{azure.endpoints.subscription_id}/resourceGroups/rg-graph/providers"
    hsm += "/Microsoft.KeyVault/managedHSMs/late"
    assert send(credential, "GET", hsm).status_code == 200
    assert names(ask(HSMS)) == []
    control.change_clock(advance_seconds=99)
    assert names(ask(HSMS)) == []
    control.change_clock(advance_seconds=1)
    assert names(ask(HSMS)) == ["late"]
    assert send(credential, "DELETE", hsm).status_code == 202
    assert send(credential, "GET", hsm).status_code == 404
    assert names(ask(HSMS)) == ["late"]
    control.change_clock(advance_seconds=100)
    assert names(ask(HSMS)) == []


def test_too_many_queries_are_throttled(control: ControlClient, ask: Asker) -> None:
    control.change_clock(advance_seconds=5)
    control.change_resource_manager(graph_quota=2)
    assert [ask(HSMS).headers["x-ms-user-quota-remaining"] for _ in range(2)] == ["1", "0"]
    refused = ask(HSMS)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "RateLimiting")
    assert refused.headers["x-ms-user-quota-remaining"] == "0"
    assert "Retry-After" not in refused.headers
    control.change_clock(advance_seconds=5)
    assert ask(HSMS).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "",
        "resources |",
        "resources | take 5",
        "resources | where name has 'a'",
        "resources | where name =~ 'a' or name =~ 'b'",
        "resources | where name != 'a'",
        "resources | where name =~ tolower('A')",
        "resources | where nothing =~ 'a'",
        "resources | project name | where type =~ 'a'",
        "resources | order by properties asc",
        "resources | order by properties.provisioningState asc",
        "resources | project s = sku.name | order by s asc",
        "resources | where name =~ 'open",
        "keyvaultresources | project name",
        "resources; resources",
    ],
)
def test_what_is_not_understood_is_refused(control: ControlClient, ask: Asker, query: str) -> None:
    control.plant_hsms(planted("only"), planted("other"))
    refused = ask(query)
    assert refused.status_code == 400
    error = refused.json()["error"]
    assert error["code"] == "BadRequest"
    assert error["details"][0]["code"] == "InvalidQuery"
    assert error["message"].startswith("The local Azure does not understand the query: ")


@pytest.mark.parametrize(
    "others",
    [{"facets": []}, {"options": {"resultFormat": "table"}}, {"options": {"$top": 1001}}, {"options": {"$top": 0}}],
)
def test_options_that_it_does_not_have_are_refused(ask: Asker, others: dict[str, Any]) -> None:
    assert ask(HSMS, **others).status_code == 400


COLUMNS = {"name": True, "tags": False, "properties": False}
ROWS: list[dict[str, Any]] = [
    {"name": "Ada", "tags": {"cost center": "1"}, "properties": {"state": "On", "deep": {"x": None}, "flag": True}},
    {"name": "ben", "tags": None, "properties": {"state": "off", "deep": {"x": "here"}, "flag": False}},
    {"name": "ada", "tags": {"cost center": "2"}, "properties": {"state": None}},
]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("t", ["Ada", "ben", "ada"]),
        ("t | where name =~ 'ADA'", ["Ada", "ada"]),
        ("t | where name == 'ada'", ["ada"]),
        ("t\n| where name in~ ('BEN', \"x\")", ["ben"]),
        ("t | where tags['cost center'] in~ ('1','2') and properties.state =~ 'on'", ["Ada"]),
        ("t | where properties.state =~ 'on' | where name =~ 'ben'", []),
        ("t | where properties.flag =~ 'true'", []),
        ("t | where properties.deep.x == 'here'", ["ben"]),
        ("t | order by name asc", ["Ada", "ada", "ben"]),
        ("t | order by name", ["ben", "ada", "Ada"]),
        ("t | project name, n = name, s = properties.state | order by n desc | where s =~ 'ON'", ["Ada"]),
        (r"t | where name == 'it\'s'", []),
    ],
)
def test_a_query_finds_rows(query: str, found: list[str]) -> None:
    rows = run_query(read_query(query), COLUMNS, ROWS)
    assert [row["name"] for row in rows] == found


def test_columns_are_named() -> None:
    query = read_query("t | project properties.state, tags['cost center'], n = name")
    assert run_query(query, COLUMNS, ROWS[:1]) == [{"properties_state": "On", "tags_cost center": "1", "n": "Ada"}]
    with pytest.raises(NotUnderstood, match="at 'limit 1'"):
        read_query("t | limit 1")
