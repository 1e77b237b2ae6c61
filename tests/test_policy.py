"""What the deployment's policy does not allow is refused by its field, before anything is created."""

import json
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from local.azure.control.models import NewHold
from local.policy import TEAM_B, caller, policy
from local.portal import Portal
from local.stack import Stack, register_application
from tests import stored
from tests.custodians import ADMINISTRATOR, NO_OTHER_RULES, Custodian, request_for
from tests.hosts import deployed
from tests.policies import BOTH_TEAMS, ELSEWHERE, IMPATIENT, REQUESTS_PER_MINUTE, STRICT

SOMEBODY: Final = "99999999-9999-4999-8999-999999999999"
KEYS: Final = "securityDomain.wrappingKeys"


def portal_of(stack: Stack, group: str) -> Portal:
    return Portal(stack, register_application(stack.control, "a portal", ["Hsm.Request"], groups=[group]))


def set_to(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda body: body.update(values)


def in_vaults(*vaults: str) -> Callable[[dict[str, Any]], None]:
    def change(body: dict[str, Any]) -> None:
        body["securityDomain"]["wrappingKeys"] = [
            {"custodian": "x", "certificateId": f"https://{vault}.vault.azure.net/certificates/custodian-{number}"}
            for number, vault in enumerate(vaults)
        ]

    return change


def later(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


# By any team: what the policy says to all.
TO_ALL: Final[dict[str, tuple[Callable[[dict[str, Any]], None], str, str]]] = {
    "an environment that there is not": (set_to(environment="staging"), "environment", "environment_unknown"),
    "a region that is not allowed": (set_to(location="eastus"), "location", "location_not_allowed"),
    "a SKU that is not allowed": (set_to(sku="Custom_B32"), "sku", "sku_not_allowed"),
    "production without purge protection": (
        set_to(environment="production", network={"defaultAction": "Deny"}),
        "purgeProtection",
        "purge_protection_required",
    ),
    "production that anybody may reach": (
        set_to(environment="production", purgeProtection=True),
        "network.defaultAction",
        "network_must_deny",
    ),
    "production that denies nobody": (
        set_to(
            environment="production", purgeProtection=True, network={"defaultAction": "Deny", "ipRules": ["0.0.0.0/0"]}
        ),
        "network.ipRules",
        "network_too_open",
    ),
    "ephemeral without an end": (set_to(environment="ephemeral"), "expiresAt", "expiry_required"),
    "a team that is not one's own": (set_to(team="team-b"), "team", "team_not_yours"),
    "a team that there is not": (set_to(team="nobody"), "team", "team_not_yours"),
}

# By the strict team: what its entry says.
TO_THE_STRICT: Final[dict[str, tuple[Callable[[dict[str, Any]], None], str, str]]] = {
    "a certificate in PEM": (set_to(), f"{KEYS}[0]", "wrapping_key_not_allowed"),
    "a certificate of another vault": (
        in_vaults("custodians", "custodians", "another"),
        f"{KEYS}[2]",
        "wrapping_key_not_allowed",
    ),
    "an administrator who is not listed": (
        lambda body: (in_vaults(*["custodians"] * 3)(body), body.update(administrators=[ADMINISTRATOR, SOMEBODY]))[1],
        "administrators[1]",
        "administrator_not_allowed",
    ),
}


@pytest.mark.parametrize("case", TO_ALL)
def test_what_the_policy_says_to_all(
    case: str, stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    check_refusal(stack, portal, hsm_name, request_for(stack, custodians), TO_ALL[case])


@pytest.mark.parametrize("case", TO_THE_STRICT)
def test_what_the_policy_says_to_one(case: str, stack: Stack, hsm_name: str, custodians: list[Custodian]) -> None:
    body = request_for(stack, custodians)
    check_refusal(stack, portal_of(stack, STRICT), hsm_name, body, TO_THE_STRICT[case])


def test_oneself_is_no_administrator_against_the_policy(
    stack: Stack, hsm_name: str, custodians: list[Custodian]
) -> None:
    me = register_application(stack.control, "a portal that wants more", ["Hsm.Request"], groups=[STRICT])
    body = request_for(stack, custodians, administrators=[me.object_id])
    in_vaults("custodians", "custodians", "custodians")(body)
    expected = (set_to(), "administrators[0]", "administrator_not_allowed")
    check_refusal(stack, Portal(stack, me), hsm_name, body, expected)


def test_a_subscription_that_is_not_the_callers(stack: Stack, hsm_name: str, custodians: list[Custodian]) -> None:
    expected = (set_to(), "subscriptionId", "subscription_not_allowed")
    check_refusal(stack, portal_of(stack, ELSEWHERE), hsm_name, request_for(stack, custodians), expected)


def test_a_caller_that_the_policy_does_not_name_gets_nothing(
    stack: Stack, hsm_name: str, custodians: list[Custodian]
) -> None:
    expected = (set_to(), "team", "team_not_yours")
    check_refusal(stack, portal_of(stack, SOMEBODY), hsm_name, request_for(stack, custodians), expected)


def test_a_caller_of_several_teams_names_one(stack: Stack, hsm_name: str, custodians: list[Custodian]) -> None:
    portal = portal_of(stack, BOTH_TEAMS)
    body = request_for(stack, custodians)
    refused = portal.put_hsm(hsm_name, body)
    assert (refused.status_code, refused.json()["code"]) == (400, "team_missing")
    accepted = portal.put_hsm(hsm_name, {**body, "team": "team-b"})
    assert (accepted.status_code, accepted.json()["team"]) == (202, "team-b")
    assert portal.follow(accepted.json()["id"])["status"] == "Succeeded"
    assert portal.put_hsm(hsm_name, body).status_code == 200


def test_what_ephemeral_and_production_ask_for_is_enough(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    ephemeral = request_for(stack, custodians, environment="ephemeral", expiresAt=later(days=1))
    network = {"defaultAction": "Deny", "ipRules": ["127.0.0.1"]}
    production = request_for(
        stack, custodians, environment="production", purgeProtection=True, network=network, location="westeurope"
    )
    operations = [
        portal.put_hsm(f"{hsm_name}-{index}", body).json()["id"] for index, body in enumerate((ephemeral, production))
    ]
    assert [portal.follow(operation)["status"] for operation in operations] == ["Succeeded"] * 2
    shown = portal.send("GET", f"hsms/{hsm_name}-1").json()
    assert shown["network"] == {"defaultAction": "Deny", "ipRules": ["127.0.0.1/32"], **NO_OTHER_RULES}


BY_NOW = {
    "another region": ({"locations": ["westeurope"]}, "location_not_allowed"),
    "another team": ({"callers": [caller("team b", TEAM_B, ["team-b"])]}, "team_not_yours"),
}


@pytest.mark.parametrize(("changes", "code"), BY_NOW.values(), ids=BY_NOW)
def test_what_the_policy_refuses_since_it_was_planned_is_not_made(
    changes: dict[str, Any], code: str, stack: Stack, hsm_name: str, custodians: list[Custodian], tmp_path: Path
) -> None:
    body = request_for(stack, custodians, resourceGroup=f"rg-{hsm_name}")
    planned = stack.control.hold(
        NewHold(service="resource_manager", method="PUT", path=f"/resourcegroups/rg-{hsm_name}$", phase="before")
    )
    with deployed(stack, tmp_path / "host", {}) as before:
        operation_id = Portal(before).put_hsm(hsm_name, body).json()["id"]
        assert stack.control.await_hold(planned, 30)
    stack.control.release(planned, drop=True)
    with deployed(stack, tmp_path / "host", {"HSM_PROVISIONER_POLICY": policy(**changes)}):
        ended = await_record(stack, operation_id)
    assert (ended["status"], ended["error"]["code"]) == ("Failed", code)
    assert stack.control.hsms() == []


def test_what_the_policy_refuses_of_a_hand_over_since_it_was_planned_is_not_built(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian], tmp_path: Path
) -> None:
    body = request_for(stack, custodians, resourceGroup=f"rg-{hsm_name}")
    assert portal.follow(portal.put_hsm(hsm_name, body).json()["id"])["status"] == "Succeeded"
    assigned = {"principalId": SOMEBODY, "role": "Managed HSM Crypto User", "scope": "/keys"}
    handover = {"localRoleAssignments": [assigned]}
    planned = stack.control.hold(
        NewHold(service="resource_manager", path=f"/resourcegroups/rg-{hsm_name}$", method="HEAD", phase="before")
    )
    with deployed(stack, tmp_path / "host", {}) as before:
        operation_id = Portal(before).put_hsm(hsm_name, {**body, "handover": handover}).json()["id"]
        assert stack.control.await_hold(planned, 30)
    stack.control.release(planned, drop=True)
    narrower = policy(environments={"development": {"localRoles": ["Managed HSM Crypto Auditor"]}})
    with deployed(stack, tmp_path / "host", {"HSM_PROVISIONER_POLICY": narrower}) as since:
        ended = await_record(stack, operation_id)
        refused = Portal(since).put_hsm(hsm_name, {**body, "handover": handover})
    at_fault = ("handover.localRoleAssignments[0].role", "local_role_not_allowed")
    assert (ended["status"], ended["error"]["code"]) == ("Failed", at_fault[1])
    assert [(error["field"], error["code"]) for error in ended["error"]["errors"]] == [at_fault]
    assert refused.status_code == 403
    assert [(error["field"], error["code"]) for error in refused.json()["errors"]] == [at_fault]
    assigning = [entry for entry in stack.control.journal("managed_hsm") if "roleAssignments" in entry["path"]]
    assert [entry for entry in assigning if entry["method"] == "PUT" and entry["host"].startswith(hsm_name)] == []


def await_record(stack: Stack, operation_id: str) -> dict[str, Any]:
    """Read the record of an operation, which a caller that the policy does not name any more cannot see."""
    blob = stored.service(stack).get_blob_client("hsm-records", f"operations/{operation_id}")
    deadline = time.monotonic() + 60
    while not blob.exists():
        assert time.monotonic() < deadline, operation_id
        time.sleep(0.2)
    record: dict[str, Any] = json.loads(blob.download_blob().readall())
    return record


def test_a_flood_of_one_caller_is_held_back_and_nobody_else(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    flooding = portal_of(stack, IMPATIENT)
    flooding.token()
    body = request_for(stack, custodians, location="nowhere")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: flooding.put_hsm(hsm_name, body), range(40)))
    held_back = [answer for answer in answers if answer.status_code == 429]
    assert len(held_back) >= 40 - 2 * REQUESTS_PER_MINUTE
    assert {answer.status_code for answer in answers} == {403, 429}
    for answer in held_back:
        assert answer.json()["code"] == "too_many_requests"
        assert 0 < int(answer.headers["Retry-After"]) <= 60 / REQUESTS_PER_MINUTE
    assert flooding.send("GET", "hsms/nobody-has-this").status_code == 404
    assert portal.put_hsm(hsm_name, body).status_code == 403


def test_a_flood_of_one_caller_without_a_role_is_held_back_too(
    stack: Stack, hsm_name: str, custodians: list[Custodian]
) -> None:
    nobody = register_application(stack.control, "no role, and impatient", [], groups=[IMPATIENT])
    flooding = Portal(stack, nobody)
    flooding.token()
    body = request_for(stack, custodians)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: flooding.put_hsm(hsm_name, body), range(40)))
    counted = Counter((answer.status_code, answer.json()["code"]) for answer in answers)
    assert set(counted) == {(403, "role_missing"), (429, "too_many_requests")}
    assert counted[429, "too_many_requests"] >= 40 - 2 * REQUESTS_PER_MINUTE
    # Each refusal is a blob for good: of the flood a few are written.
    auditor = Portal(stack, register_application(stack.control, "an auditor", ["Hsm.Audit"]))
    written = auditor.send("GET", "audit", params={"hsm": hsm_name, "kind": "refused"}).json()["value"]
    assert len(written) == counted[403, "role_missing"]


def check_refusal(
    stack: Stack,
    portal: Portal,
    name: str,
    body: dict[str, Any],
    expected: tuple[Callable[[dict[str, Any]], None], str, str],
) -> None:
    change, field, code = expected
    change(body)
    refused = portal.put_hsm(name, body)
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (403, code), problem
    assert field in [error["field"] for error in problem["errors"] if error["code"] == code]
    assert problem["advice"]
    assert stack.control.hsms() == []
