"""The lists of HSMs and operations: what they show, in which order, page by page, and to whom."""

import base64
import itertools
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.keyvault import models as arm

from clients.many_subscriptions import KEPT_SECONDS
from domain.requests import HsmRequest
from local.azure.control.models import NewFault, NewHold
from local.azure.core.faults import Answer, BrokenBody, Effect, Reset
from local.policy import TEAM_B
from local.portal import Portal
from local.stack import Stack, register_application
from tests import stored
from tests.custodians import ADMINISTRATOR, Custodian, request_for
from tests.planting import ULID, make_claim, make_operation, make_record, moment, plant, plant_blob, principal
from tests.test_provision import provision

_NUMBERS = itertools.count(1)


@pytest.fixture
def environment() -> str:
    """An environment of its own for each test, by which it finds what it planted."""
    return f"lists-{os.getpid()}-{next(_NUMBERS)}"


@pytest.fixture(scope="module")
def operator(stack: Stack) -> Portal:
    return Portal(stack, register_application(stack.control, "an operator", ["Hsm.Operate"]))


def listed(portal: Portal, path: str, **parameters: Any) -> list[dict[str, Any]]:
    response = portal.send("GET", path, params=parameters)
    assert response.status_code == 200, response.text
    document = response.json()
    assert set(document) <= {"value", "nextLink"}
    return list(document["value"])


def pages(portal: Portal, path: str, **parameters: Any) -> Iterator[list[dict[str, Any]]]:
    document = portal.send("GET", path, params=parameters).json()
    while True:
        yield document["value"]
        if "nextLink" not in document:
            return
        headers = {"Authorization": f"Bearer {portal.token()}"}
        document = requests.get(document["nextLink"], headers=headers, timeout=60).json()


def names(items: list[dict[str, Any]]) -> list[str]:
    return [item["name"] for item in items]


def listed_now(portal: Portal, **parameters: Any) -> list[dict[str, Any]]:
    """List HSMs as Azure has them now: a list may be some seconds old."""
    time.sleep(KEPT_SECONDS)
    return listed(portal, "hsms", **parameters)


def asked_of_azure(stack: Stack, since: int) -> int:
    """Count how often Azure was asked for the HSMs of a subscription."""
    entries = stack.control.journal("resource_manager", since=since)
    return sum(entry["path"].endswith("/managedHSMs") for entry in entries)


def test_a_list_shows_what_each_hsm_and_operation_says_of_itself(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    operation = provision(portal, hsm_name, request_for(stack, custodians))
    since = len(stack.control.journal("blob_storage"))
    (item,) = [item for item in listed_now(portal, maxpagesize=200) if item["name"] == hsm_name]
    read = [entry["path"] for entry in stack.control.journal("blob_storage")[since:]]
    assert not [path for path in read if hsm_name in path]
    hsm = portal.send("GET", f"hsms/{hsm_name}").json()
    assert item == {name: value for name, value in hsm.items() if name in item}
    assert (item["state"], item["lastOperation"]["status"], item["quorumHealth"]) == ("Active", "Succeeded", "Unknown")
    assert item["uri"].startswith(f"https://{hsm_name}.managedhsm.azure.net")
    (item,) = listed(portal, "operations", hsm=hsm_name)
    assert item == {name: value for name, value in operation.items() if name in item}
    assert (item["percentComplete"], item["finishedAt"]) == (100, operation["finishedAt"])
    assert set(item) >= {"id", "kind", "hsm", "team", "requester", "status", "createdAt"}


def test_what_runs_is_shown_as_far_as_it_is(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    storing = stack.control.hold(NewHold(service="blob_storage", method="PUT", path="/1/receipt.json", phase="before"))
    operation_id = portal.put_hsm(hsm_name, request_for(stack, custodians)).json()["id"]
    assert stack.control.await_hold(storing, 60)
    (shown,) = listed(portal, "operations", hsm=hsm_name)
    assert (shown["status"], shown["percentComplete"]) == ("Running", portal.operation(operation_id)["percentComplete"])
    assert shown["percentComplete"] > 0
    assert shown["currentStep"] == {"name": "download_security_domain", "status": "Running"}
    assert (shown["awaitingApproval"], portal.operation(operation_id)["currentStep"]) == (False, shown["currentStep"])
    assert [item["id"] for item in listed(portal, "operations", hsm=hsm_name, status="Running")] == [operation_id]
    assert listed(portal, "operations", hsm=hsm_name, status="Failed") == []
    (hsm,) = [item for item in listed_now(portal, maxpagesize=200) if item["name"] == hsm_name]
    assert hsm["lastOperation"] == {"id": operation_id, "kind": "provision", "status": "Running"}
    assert hsm["state"] in ("NotActivated", "Active")
    stack.control.release(storing)
    portal.follow(operation_id)
    (shown,) = listed(portal, "operations", hsm=hsm_name)
    assert (shown["id"], shown["status"]) == (operation_id, "Succeeded")
    assert (shown["awaitingApproval"], "currentStep" in shown) == (False, False)


def test_what_never_began_and_what_broke_are_told_apart(
    stack: Stack, portal: Portal, hsm_name: str, environment: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians, environment=environment)
    running = {"state": "running", "succeeded": None}
    plant(stack, make_claim(stack, hsm_name, body, **running))
    for status in ("NotStarted", None):
        (shown,) = listed(portal, "operations", hsm=hsm_name, **({"status": status} if status else {}))
        assert (shown["status"], shown["percentComplete"]) == ("NotStarted", 0)
        assert (shown["awaitingApproval"], "currentStep" in shown) == (False, False)
    (hsm,) = listed(portal, "hsms", environment=environment)
    assert (hsm["state"], hsm["lastOperation"]["status"]) == ("NotCreated", "NotStarted")
    assert hsm == {key: value for key, value in portal.send("GET", f"hsms/{hsm_name}").json().items() if key in hsm}


def test_between_its_record_and_the_end_of_its_claim_an_operation_comes_once(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    claim = make_claim(stack, hsm_name, request_for(stack, custodians), state="running", succeeded=None)
    plant(stack, claim, make_operation(claim, "Failed"))
    assert [item["status"] for item in listed(portal, "operations", hsm=hsm_name)] == ["Failed"]


@pytest.mark.parametrize("status", ["Failed", "Canceled"])
def test_how_an_operation_ended_that_was_asked_to_be_canceled_is_in_its_record(
    status: Any, stack: Stack, portal: Portal, hsm_name: str, environment: str, custodians: list[Custodian]
) -> None:
    cancel = {"by": principal(stack), "at": moment(1)}
    body = request_for(stack, custodians, environment=environment)
    claim = make_claim(stack, hsm_name, body, succeeded=False, cancel=cancel)
    plant(stack, claim, make_operation(claim, status))
    assert [item["lastOperation"]["status"] for item in listed(portal, "hsms", environment=environment)] == [status]


ORDERS = [
    ("name", [0, 1, 2, 3, 4]),
    ("name desc", [4, 3, 2, 1, 0]),
    ("createdAt", [2, 0, 1, 4, 3]),
    ("createdAt desc", [3, 4, 1, 0, 2]),
    ("monthlyCostUsd", [1, 3, 0, 2, 4]),
    ("monthlyCostUsd desc", [4, 2, 0, 3, 1]),
]


@pytest.fixture
def fleet(stack: Stack, hsm_name: str, environment: str, custodians: list[Custodian]) -> list[str]:
    """Five HSMs: the days on which they were made, two of them the same, and what is known of their cost."""
    made = [f"{hsm_name}-{number}" for number in range(5)]
    for name, day, sku in zip(made, [5, 5, 3, 9, 7], ["B1", "B1v2", "B1", "B1v2", "B1"], strict=True):
        body = request_for(stack, custodians, environment=environment, sku=f"Standard_{sku}")
        claim = make_claim(stack, name, body, claimed_at=moment(day))
        plant(stack, claim, make_record(claim))
    return made


@pytest.mark.parametrize(("orderby", "order"), ORDERS)
def test_pages_are_in_order_whatever_is_added_between_them(
    orderby: str,
    order: list[int],
    stack: Stack,
    portal: Portal,
    fleet: list[str],
    environment: str,
    custodians: list[Custodian],
) -> None:
    walk = pages(portal, "hsms", environment=environment, orderby=orderby, maxpagesize=2)
    walked = [names(next(walk))]
    # It stands before what was shown, in each of the orders.
    first = orderby.endswith("desc")
    body = request_for(stack, custodians, environment=environment, sku=f"Standard_B1{'' if first else 'v2'}")
    added = make_claim(stack, "zzz-added" if first else "aaa-added", body, claimed_at=moment(90 if first else 0))
    plant(stack, added, make_record(added))
    walked += [names(page) for page in walk]
    assert walked == [[fleet[number] for number in order[start : start + 2]] for start in (0, 2, 4)]


def test_operations_come_the_newest_first_and_in_pages(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    claim = make_claim(stack, hsm_name, request_for(stack, custodians))
    made = []
    for number, day in enumerate([4, 2, 2, 8]):
        operation = make_operation(claim, id=f"{hsm_name}-{ULID[:-1]}{number}", created_at=moment(day))
        made.append(operation.id)
        plant(stack, operation)
    # The operations of an HSM whose name begins alike are not among them.
    plant(stack, make_operation(make_claim(stack, f"{hsm_name}-b", request_for(stack, custodians))))
    newest_first = [made[3], made[0], made[2], made[1]]
    walked = [[item["id"] for item in page] for page in pages(portal, "operations", hsm=hsm_name, maxpagesize=3)]
    assert walked == [newest_first[:3], newest_first[3:]]
    oldest_first = listed(portal, "operations", hsm=hsm_name.upper(), orderby="createdAt")
    assert [item["id"] for item in oldest_first] == newest_first[::-1]


def test_operations_are_found_by_what_they_are(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    claim = make_claim(stack, hsm_name, request_for(stack, custodians))
    somebody = "77777777-7777-4777-8777-777777777777"
    kinds: list[dict[str, Any]] = [
        {"status": "Succeeded"},
        {"status": "Failed"},
        {"requester": principal(stack, somebody)},
        {"created_at": moment(3)},
    ]
    made = [make_operation(claim, **{"id": f"{hsm_name}-{ULID[:-1]}{n}", **kind}) for n, kind in enumerate(kinds)]
    plant(stack, *made)

    def found(**parameters: str) -> list[int]:
        shown = listed(portal, "operations", hsm=hsm_name, orderby="createdAt", **parameters)
        return [[operation.id for operation in made].index(item["id"]) for item in shown]

    assert found() == [0, 1, 2, 3]
    assert found(status="Failed") == [1]
    assert found(status="Canceled") == []
    assert found(requester=somebody.upper()) == [2]
    assert found(team="team-a") == [0, 1, 2, 3]
    assert found(team="team-b") == []
    assert found(createdAfter=moment(3).isoformat()) == [3]
    assert found(createdBefore=moment(3).isoformat()) == [0, 1, 2]
    assert found(createdAfter=moment(4).isoformat()) == []


def test_hsms_are_found_by_what_they_are(
    stack: Stack, operator: Portal, hsm_name: str, environment: str, custodians: list[Custodian]
) -> None:
    first, second, third = (f"{hsm_name}-{number}" for number in range(3))
    body = request_for(stack, custodians, environment=environment)
    plant(stack, make_claim(stack, first, body, team="team-b"))
    plant(stack, make_claim(stack, second, {**body, "location": "westeurope"}))
    claim = make_claim(stack, third, {**body, "location": "westeurope"})
    # What the HSM was made as counts, not what was asked for last.
    made_as = {**body, "location": "swedencentral"}
    plant(stack, claim, make_record(claim, request=HsmRequest.model_validate(made_as)))

    def found(**parameters: str) -> list[str]:
        return names(listed(operator, "hsms", environment=environment, **parameters))

    assert found() == [first, second, third]
    assert found(team="team-b") == [first]
    assert found(team="team-c") == []
    assert found(location="West Europe") == [second]
    assert found(location="swedencentral") == [third]
    assert found(location="norwayeast", team="team-a") == []
    assert found(state="NotFound") == [third]


def test_the_state_is_azures(
    stack: Stack, portal: Portal, hsm_name: str, environment: str, custodians: list[Custodian]
) -> None:
    active, foreign, gone, unseen, asked = (f"{hsm_name}-{number}" for number in range(5))
    for name in (active, foreign):
        provision(portal, name, request_for(stack, custodians))
    stack.control.forget_hsm(foreign)
    make_foreign(stack, foreign)
    body = request_for(stack, custodians, environment=environment)
    plant(stack, make_claim(stack, asked, body))
    for name, subscription in ((gone, body["subscriptionId"]), (unseen, "99999999-9999-4999-8999-999999999999")):
        claim = make_claim(stack, name, {**body, "subscriptionId": subscription})
        plant(stack, claim, make_record(claim))
    expected = {active: "Active", foreign: "NotFound", gone: "NotFound", unseen: "Unknown", asked: "NotCreated"}
    shown = {item["name"]: item for item in listed_now(portal, maxpagesize=200)}
    assert {name: shown[name]["state"] for name in expected} == expected
    assert "uri" not in shown[foreign]
    for state in set(expected.values()):
        found = names(listed(portal, "hsms", state=state, maxpagesize=200))
        assert expected.keys() & found == {name for name, its in expected.items() if its == state}
    broken = stack.control.inject_fault(
        NewFault(service="resource_manager", method="GET", path="/managedHSMs", count=100, effect=Answer(status=500))
    )
    shown = {item["name"]: item for item in listed_now(portal, maxpagesize=200)}
    stack.control.remove_fault(broken)
    assert (shown[active]["state"], shown[asked]["state"]) == ("Unknown", "NotCreated")


def test_lists_that_are_read_again_and_again_share_what_azure_said(
    stack: Stack, portal: Portal, fleet: list[str], environment: str
) -> None:
    time.sleep(KEPT_SECONDS)
    since, began = len(stack.control.journal()), time.monotonic()
    queries: list[dict[str, Any]] = [{}, {"state": "NotFound"}, {"maxpagesize": 200}, {"team": "team-a"}] * 5
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda query: names(listed(portal, "hsms", environment=environment, **query)), queries))
    assert found == [fleet] * len(queries)
    assert 1 <= asked_of_azure(stack, since) <= 1 + (time.monotonic() - began) // KEPT_SECONDS


def test_what_decides_asks_azure_itself_however_young_the_list_is(
    stack: Stack, portal: Portal, fleet: list[str], environment: str, custodians: list[Custodian]
) -> None:
    time.sleep(KEPT_SECONDS)
    for _ in range(2):
        assert names(listed(portal, "hsms", environment=environment)) == fleet
        since = len(stack.control.journal())
        dry_run = portal.send("POST", f"hsms/{fleet[0]}-x/preflight", json=request_for(stack, custodians))
        assert dry_run.status_code == 200
        assert asked_of_azure(stack, since) == 1


def make_foreign(stack: Stack, name: str) -> None:
    """Have somebody make an HSM who does not ask us."""
    hsm = arm.ManagedHsm(
        location="norwayeast",
        sku=arm.ManagedHsmSku(family="B", name="Standard_B1"),
        properties=arm.ManagedHsmProperties(
            tenant_id=stack.azure.endpoints.tenant_id, initial_admin_object_ids=[ADMINISTRATOR]
        ),
    )
    with (
        stack.portal_credential() as credential,
        KeyVaultManagementClient(credential, stack.azure.endpoints.subscription_id, polling_interval=0.1) as client,
    ):
        client.managed_hsms.begin_create_or_update("rg-hsm", name, hsm).result()


@pytest.mark.parametrize(
    ("effect", "code"),
    [
        (Answer(status=503), "azure_unavailable"),
        (Answer(status=403), "azure_forbidden"),
        (Reset(phase="before"), "azure_unreachable"),
        (BrokenBody(form="truncated"), "azure_unreachable"),
        (BrokenBody(form="not_json"), "azure_unreadable"),
    ],
)
def test_a_list_that_cannot_be_read_is_no_empty_list(effect: Effect, code: str, stack: Stack, portal: Portal) -> None:
    broken = stack.control.inject_fault(
        NewFault(service="blob_storage", method="GET", path="/hsm-records$", count=1000, effect=effect)
    )
    answers = [portal.send("GET", path) for path in ("hsms", "operations")]
    stack.control.remove_fault(broken)
    shown = [(answer.status_code, answer.json()["code"], answer.json()["retryable"]) for answer in answers]
    assert shown == [(503, code, True)] * 2
    assert portal.send("GET", "hsms").status_code == 200


def test_the_ids_of_a_request_are_carried_to_the_lists_of_azure(
    stack: Stack, portal: Portal, fleet: list[str], environment: str
) -> None:
    time.sleep(KEPT_SECONDS)
    since = len(stack.control.journal())
    headers = {"x-ms-client-request-id": "console-4711"}
    portal.send("GET", "hsms", params={"environment": environment}, headers=headers).raise_for_status()
    asked = [
        entry for entry in stack.control.journal()[since:] if entry["service"] in ("blob_storage", "resource_manager")
    ]
    assert {entry["service"] for entry in asked} == {"blob_storage", "resource_manager"}
    assert {entry["clientRequestId"] for entry in asked} == {"console-4711"}
    assert len(asked) == 4
    assert fleet


def test_what_was_written_without_its_summary_is_read_and_what_is_damaged_hides_nothing(
    stack: Stack, portal: Portal, hsm_name: str, environment: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians, environment=environment)
    first, second, third = (f"{hsm_name}-{number}" for number in range(3))
    plant_blob(stack, f"claims/{first}", make_claim(stack, first, body), {})
    plant_blob(stack, f"claims/{second}", make_claim(stack, second, body), {"summary": '{"hsm":"of another version"}'})
    plant_blob(stack, f"claims/{third}", b"not a claim", {})
    claim = make_claim(stack, hsm_name, body)
    plant_blob(stack, f"operations/{claim.operation_id}", make_operation(claim), {})
    assert names(listed(portal, "hsms", environment=environment)) == [first, second]
    assert [item["id"] for item in listed(portal, "operations", hsm=hsm_name)] == [claim.operation_id]
    stored.service(stack).get_blob_client("hsm-records", f"claims/{third}").delete_blob()


def test_no_record_is_read_for_a_list(stack: Stack, portal: Portal, fleet: list[str], environment: str) -> None:
    since = len(stack.control.journal("blob_storage"))
    assert names(listed(portal, "hsms", environment=environment)) == fleet
    asked = [entry["path"] for entry in stack.control.journal("blob_storage")[since:]]
    assert asked.count("/hsm-records") == 3
    assert not [path for path in asked if any(name in path for name in fleet)]


def test_what_ended_is_not_listed_to_find_what_waits(stack: Stack, portal: Portal) -> None:
    for awaiting, lists in (("true", 1), ("false", 2)):
        since = len(stack.control.journal("blob_storage"))
        listed(portal, "operations", awaitingApproval=awaiting)
        asked = [entry["path"] for entry in stack.control.journal("blob_storage")[since:]]
        assert asked.count("/hsm-records") == lists


@pytest.mark.parametrize("health", ["Healthy", "Critical", "Excellent", None])
def test_the_last_verification_is_shown(
    health: str | None,
    stack: Stack,
    portal: Portal,
    hsm_name: str,
    environment: str,
    custodians: list[Custodian],
) -> None:
    plant(stack, make_claim(stack, hsm_name, request_for(stack, custodians, environment=environment)))
    if health is not None:
        metadata = {"verified_at": "2026-11-01T12:00:00Z", "quorum_health": health}
        plant_blob(stack, f"verifications/{hsm_name}", b"{}", metadata)
    (hsm,) = listed(portal, "hsms", environment=environment)
    known = health in ("Healthy", "Critical")
    shown = (health, "2026-11-01T12:00:00.000Z") if known else ("Unknown", None)
    assert (hsm["quorumHealth"], hsm.get("verifiedAt")) == shown


LONG = "a" * 500
WRONG = [
    ("hsms", "maxpagesize", "0"),
    ("hsms", "maxpagesize", "201"),
    ("hsms", "maxpagesize", "many"),
    ("hsms", "orderby", "price"),
    ("hsms", "orderby", "name asc"),
    ("hsms", "state", "Active'"),
    ("hsms", "team", "Team A"),
    ("hsms", "environment", "<b>"),
    ("hsms", "location", "../.."),
    ("hsms", "continuationToken", "garbled"),
    ("hsms", "continuationToken", LONG),
    ("hsms", "continuation_token", "garbled"),
    ("hsms", "skip", "10"),
    ("hsms", "$filter", "state eq 'Active'"),
    ("operations", "status", "succeeded"),
    ("operations", "awaitingApproval", "True"),
    ("operations", "awaitingApproval", "1"),
    ("operations", "awaiting_approval", "true"),
    ("operations", "hsm", "-"),
    ("operations", "requester", "somebody"),
    ("operations", "createdAfter", "1767225600"),
    ("operations", "createdAfter", "2026-11-01"),
    ("operations", "createdAfter", "0001-01-01T00:00:00Z"),
    ("operations", "createdBefore", "2026-11-01T12:00:00"),
    ("operations", "createdBefore", "2026-13-01T12:00:00Z"),
    ("operations", "created_before", "2026-11-01T12:00:00Z"),
    ("operations", "orderby", "name"),
    ("operations", "state", "Active"),
]


@pytest.mark.parametrize(("path", "name", "value"), WRONG)
def test_a_wrong_parameter_is_refused_by_its_name(path: str, name: str, value: str, portal: Portal) -> None:
    refused = portal.send("GET", path, params={name: value})
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_parameter"), refused.text
    assert [error["field"] for error in refused.json()["errors"]] == [name]
    assert LONG not in refused.text


def test_a_page_of_another_order_is_refused(portal: Portal, fleet: list[str], environment: str) -> None:
    parameters: dict[str, Any] = {"environment": environment, "maxpagesize": 1}
    following = portal.send("GET", "hsms", params=parameters).json()["nextLink"]
    (token,) = parse_qs(urlsplit(following).query)["continuationToken"]
    assert names(listed(portal, "hsms", **parameters, continuationToken=token)) == fleet[1:2]
    refused = portal.send("GET", "hsms", params={**parameters, "orderby": "createdAt", "continuationToken": token})
    assert [error["field"] for error in refused.json()["errors"]] == ["continuationToken"]


def test_another_teams_hsms_and_operations_are_neither_shown_nor_counted_nor_named_in_a_token(
    stack: Stack, operator: Portal, hsm_name: str, environment: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians, environment=environment)
    requester = "66666666-6666-4666-8666-666666666666"
    for number, team in enumerate(["team-a", "team-b", "team-a", "team-b"]):
        name = f"{hsm_name}-{number}"
        claim = make_claim(stack, name, body, team=team, requester=principal(stack, requester))
        plant(stack, claim, make_operation(claim))
    reader = Portal(stack, register_application(stack.control, "a reader", ["Hsm.Read"], groups=[TEAM_B]))
    for path, by, key in (
        ("hsms", {"environment": environment}, "name"),
        ("operations", {"requester": requester}, "hsm"),
    ):
        everything = listed(operator, path, **by)
        assert sorted(item[key] for item in everything) == [f"{hsm_name}-{number}" for number in range(4)]
        walked = list(pages(reader, path, **by, maxpagesize=1))
        assert sorted(item[key] for page in walked for item in page) == [f"{hsm_name}-1", f"{hsm_name}-3"]
        assert [len(page) for page in walked] == [1, 1]
        assert listed(reader, path, **by, team="team-a") == []
        assert len(listed(operator, path, **by, team="team-a")) == 2
        (token,) = parse_qs(urlsplit(first_link(reader, path, by)).query)["continuationToken"]
        position = base64.urlsafe_b64decode(token + "==").decode()
        assert not [number for number in (0, 2) if f"{hsm_name}-{number}" in position]
    assert listed(reader, "operations", hsm=f"{hsm_name}-0") == []


def first_link(portal: Portal, path: str, by: dict[str, str]) -> str:
    return str(portal.send("GET", path, params={**by, "maxpagesize": 1}).json()["nextLink"])


def test_who_is_of_no_team_sees_an_empty_list(stack: Stack) -> None:
    nobody = Portal(stack, register_application(stack.control, "of no team", ["Hsm.Read"]))
    for path in ("hsms", "operations"):
        assert nobody.send("GET", path).json() == {"value": []}
    auditor = Portal(stack, register_application(stack.control, "an auditor", ["Hsm.Audit"]))
    assert [auditor.send("GET", path).status_code for path in ("hsms", "operations")] == [403, 403]
