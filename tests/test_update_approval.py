"""Where the policy wants approval of updates, nothing of a change reaches Azure before it is approved."""

import json
import os
import time
from collections.abc import Iterator

import pytest
from azure.identity import ClientSecretCredential
from azure.mgmt.keyvault import KeyVaultManagementClient

from local.policy import policy
from local.portal import Portal
from local.stack import Stack, running_stack
from tests.custodians import NO_OTHER_RULES, Custodian, request_for
from tests.people import Person, await_step
from tests.test_approval import REQUESTER, SOON, change_plan, poll_once, problem, soon
from tests.test_update import patch, provision


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    before = dict(os.environ)
    settings = {"HSM_PROVISIONER_POLICY": policy(approval={"kinds": ["update"]})}
    directory = tmp_path_factory.mktemp("update-approval") / "run"
    with running_stack(directory, provisioning_seconds=0.6, activation_seconds=0.6, settings=settings) as running:
        yield running
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def portal(stack: Stack) -> Portal:
    return Portal(stack)


@pytest.fixture(scope="module")
def approver(stack: Stack) -> Person:
    return Person(stack, 2, ["Hsm.Approve"])


def find_tags(stack: Stack, name: str) -> dict[str, str]:
    endpoints, application = stack.azure.endpoints, stack.portal
    with (
        ClientSecretCredential(endpoints.tenant_id, application.client_id, application.client_secret) as credential,
        KeyVaultManagementClient(credential, endpoints.subscription_id) as client,
    ):
        hsm = client.managed_hsms.get("rg-hsm", name)
    assert hsm is not None
    return hsm.tags or {}


def test_the_approver_sees_all_that_is_to_be_and_what_is_removed(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    network = {"defaultAction": "Deny", "ipRules": ["127.0.0.1/32"], **NO_OTHER_RULES}
    body = request_for(stack, custodians, expiresAt="2030-01-01T00:00:00.000Z", network=network)
    provision(stack, portal, hsm_name, body)
    made = portal.send("GET", f"hsms/{hsm_name}").json()["lastOperation"]["id"]
    shown = portal.operation(made)["plan"]
    lasting = ("softDeleteRetentionDays", "tags", "network", "expiresAt", "administrators")
    assert {name: shown[name] for name in lasting} == {name: body[name] for name in lasting}
    assert (shown["purgeProtection"], shown["publicNetworkAccess"]) == (False, "Enabled")
    assert "pem" not in json.dumps(shown)
    asked = patch(portal, hsm_name, {"expiresAt": None, "tags": {"owner": None}, "requestedBy": REQUESTER})
    plan = await_step(portal, asked.json()["id"], "await_approval")["plan"]
    assert "expiresAt" not in plan
    assert (plan["change"]["removesExpiry"], plan["change"]["removedTags"]) == (True, ["owner"])
    assert portal.send("POST", f"operations/{asked.json()['id']}/cancel").status_code == 202
    assert portal.follow(asked.json()["id"])["status"] == "Canceled"
    never = {name: value for name, value in body.items() if name != "expiresAt"}
    asked = portal.put_hsm(hsm_name, {**never, "requestedBy": REQUESTER})
    plan = await_step(portal, asked.json()["id"], "await_approval")["plan"]
    assert plan["change"]["removesExpiry"] is True
    assert portal.send("POST", f"operations/{asked.json()['id']}/cancel").status_code == 202
    assert portal.follow(asked.json()["id"])["status"] == "Canceled"
    assert portal.send("GET", f"hsms/{hsm_name}").json()["expiresAt"] == "2030-01-01T00:00:00.000Z"


def test_a_change_waits_for_its_approval(
    stack: Stack, portal: Portal, approver: Person, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    provision(stack, portal, hsm_name, body)
    change = {"tags": {"owner": "team-z"}}
    assert problem(patch(portal, hsm_name, change)) == (400, "requested_by_missing")
    assert problem(portal.put_hsm(hsm_name, {**body, **change})) == (400, "requested_by_missing")
    asked = patch(portal, hsm_name, {**change, "requestedBy": REQUESTER})
    waiting = await_step(portal, asked.json()["id"], "await_approval")
    assert waiting["approval"]["reasons"] == ["The policy wants approval of every update."]
    assert waiting["plan"]["change"]["tags"] == change["tags"]
    assert find_tags(stack, hsm_name) == {"owner": "team-a"}
    assert approver.decide(waiting, "approve").status_code == 200
    assert portal.follow(waiting["id"])["status"] == "Succeeded"
    assert find_tags(stack, hsm_name) == {"owner": "team-z"}
    asked = patch(portal, hsm_name, {"tags": {"owner": "team-y"}, "requestedBy": REQUESTER})
    waiting = await_step(portal, asked.json()["id"], "await_approval")
    change_plan(stack, hsm_name, waiting, change={"tags": {"owner": "nobody"}, "removedTags": []})
    assert problem(approver.decide(waiting, "approve")) == (409, "plan_changed")
    assert portal.send("POST", f"operations/{waiting['id']}/cancel").status_code == 202
    assert portal.follow(waiting["id"])["status"] == "Canceled"
    assert find_tags(stack, hsm_name) == {"owner": "team-z"}
    whole = {**body, "tags": {"owner": "team-z"}, "requestedBy": REQUESTER}
    assert portal.put_hsm(hsm_name, whole).status_code == 200


def test_whoever_holds_the_hosts_key_records_no_change_that_was_not_approved(
    stack: Stack, portal: Portal, approver: Person, hsm_name: str, custodians: list[Custodian]
) -> None:
    provision(stack, portal, hsm_name, request_for(stack, custodians, expiresAt="2030-01-01T00:00:00Z"))
    # Azure has nothing to change, so it looks as if it had been changed.
    asked = patch(portal, hsm_name, {"expiresAt": None, "requestedBy": REQUESTER})
    waiting = await_step(portal, asked.json()["id"], "await_approval")
    poll_once(stack, waiting, "await_updated")
    assert portal.send("GET", f"hsms/{hsm_name}").json()["expiresAt"] == "2030-01-01T00:00:00.000Z"
    assert approver.decide(waiting, "approve").status_code == 200
    assert portal.follow(waiting["id"])["status"] == "Succeeded"
    assert "expiresAt" not in portal.send("GET", f"hsms/{hsm_name}").json()


def test_a_change_that_the_policy_refuses_by_now_is_not_made(
    stack: Stack, portal: Portal, approver: Person, hsm_name: str, custodians: list[Custodian]
) -> None:
    provision(stack, portal, hsm_name, request_for(stack, custodians))
    change = {"tags": {"owner": "team-z"}, "expiresAt": soon(), "requestedBy": REQUESTER}
    waiting = await_step(portal, patch(portal, hsm_name, change).json()["id"], "await_approval")
    time.sleep(SOON)
    assert approver.decide(waiting, "approve").status_code == 200
    operation = portal.follow(waiting["id"])
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "expiry_in_past")
    assert find_tags(stack, hsm_name) == {"owner": "team-a"}
    assert "expiresAt" not in portal.send("GET", f"hsms/{hsm_name}").json()
