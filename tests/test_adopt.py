"""Taking over an HSM that this service did not make."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from azure.identity import ClientSecretCredential
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.keyvault import models as arm

from domain.steps import STEPS
from local.azure.control.models import NewHold, NewToken
from local.policy import TEAM_A
from local.portal import Portal
from local.stack import API_AUDIENCE, Stack, register_application
from tests.custodians import ADMINISTRATOR, Custodian, request_for
from tests.people import await_step
from tests.policies import ELSEWHERE
from tests.test_approval import SOON, soon
from tests.test_idempotency import await_instance

ASKING = "00000000-0000-4000-8000-0000000000aa"
APPROVING = "00000000-0000-4000-8000-0000000000bb"
NOBODY = "99999999-9999-4999-8999-999999999999"
GROUP = "rg-hsm"


@pytest.fixture
def somebody(stack: Stack) -> Iterator[KeyVaultManagementClient]:
    """Somebody with rights on the subscription, who does not ask us."""
    endpoints, application = stack.azure.endpoints, stack.portal
    with (
        ClientSecretCredential(endpoints.tenant_id, application.client_id, application.client_secret) as credential,
        KeyVaultManagementClient(credential, endpoints.subscription_id, polling_interval=0.1) as client,
    ):
        yield client


@pytest.fixture
def theirs(
    stack: Stack, portal: Portal, somebody: KeyVaultManagementClient, hsm_name: str, custodians: list[Custodian]
) -> str:
    """An HSM that somebody made, in a resource group that is there."""
    portal.follow(portal.put_hsm(f"{hsm_name}-a", request_for(stack, custodians)).json()["id"])
    make(stack, somebody, hsm_name)
    return hsm_name


def make(
    stack: Stack,
    client: KeyVaultManagementClient,
    name: str,
    *,
    administrators: list[str] | None = None,
    **properties: Any,
) -> None:
    client.managed_hsms.begin_create_or_update(
        GROUP,
        name,
        arm.ManagedHsm(
            location="norwayeast",
            tags={"made-by": "somebody else"},
            sku=arm.ManagedHsmSku(family="B", name="Standard_B1"),
            properties=arm.ManagedHsmProperties(
                tenant_id=stack.azure.endpoints.tenant_id,
                initial_admin_object_ids=administrators or [ADMINISTRATOR],
                soft_delete_retention_in_days=7,
                **properties,
            ),
        ),
    ).result()


def adopt(stack: Stack, portal: Portal, name: str, **changes: Any) -> requests.Response:
    body = {
        "subscriptionId": stack.azure.endpoints.subscription_id,
        "resourceGroup": GROUP,
        "environment": "development",
        "requestedBy": ASKING,
        **changes,
    }
    return portal.send("POST", f"hsms/{name}/adopt", json={key: value for key, value in body.items() if value})


def decide(stack: Stack, portal: Portal, operation_id: str) -> None:
    """Wait until an operation waits for approval, and approve it; it may have gone on without."""
    token = NewToken(
        audience=API_AUDIENCE,
        person=True,
        scopes="access_as_user",
        groups=[TEAM_A],
        roles=["Hsm.Approve"],
        object_id=APPROVING,
    )
    headers = {"Authorization": f"Bearer {stack.control.create_token(token)}"}
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        operation = portal.operation(operation_id)
        step = next(step for step in operation["steps"] if step["name"] == "await_approval")
        if step["status"] == "Running" and "decision" not in operation["approval"]:
            body = {"planSha256": operation["approval"]["planSha256"]}
            portal.send("POST", f"operations/{operation_id}/approve", json=body, headers=headers).raise_for_status()
            return
        if step["status"] != "NotStarted" or operation["status"] not in ("NotStarted", "Running"):
            return
        time.sleep(0.2)
    raise TimeoutError(operation_id)


def approve(stack: Stack, portal: Portal, operation_id: str) -> dict[str, Any]:
    """Have an operation approved, and follow it to its end."""
    decide(stack, portal, operation_id)
    return portal.follow(operation_id)


def test_an_hsm_is_taken_over_as_it_is(
    stack: Stack, portal: Portal, somebody: KeyVaultManagementClient, theirs: str
) -> None:
    response = adopt(stack, portal, theirs, expiresAt="2030-01-01T00:00:00Z")
    assert response.status_code == 202, response.text
    assert adopt(stack, portal, theirs, expiresAt="2030-01-01T00:00:00Z").json()["id"] == response.json()["id"]
    operation = approve(stack, portal, response.json()["id"])
    assert operation["status"] == "Succeeded", operation
    assert (operation["kind"], tuple(step["name"] for step in operation["steps"])) == ("adopt", STEPS["adopt"])
    assert operation["approval"]["required"]
    plan = operation["plan"]
    assert (plan["found"]["state"], plan["tags"]) == ("NotActivated", {"made-by": "somebody else"})
    assert (plan["softDeleteRetentionDays"], plan["expiresAt"]) == (7, "2030-01-01T00:00:00.000Z")
    codes = ["security_domain_not_stored", "service_not_administrator"]
    assert [warning["code"] for warning in operation["warnings"]] == codes
    assert operation["requestedBy"] == ASKING
    made = somebody.managed_hsms.get(GROUP, theirs)
    assert made is not None
    assert made.tags == {"made-by": "somebody else"}
    hsm = portal.send("GET", f"hsms/{theirs}").json()
    assert (hsm["team"], hsm["environment"], hsm["expiresAt"]) == ("team-a", "development", "2030-01-01T00:00:00.000Z")
    assert (hsm["state"], hsm["administrators"]) == ("NotActivated", [ADMINISTRATOR])
    assert "securityDomain" not in hsm
    again = adopt(stack, portal, theirs)
    assert (again.status_code, again.json()["code"]) == (409, "hsm_ours_already")


def test_one_that_was_made_with_the_service_as_administrator_is_taken_over_and_activated(
    stack: Stack, portal: Portal, somebody: KeyVaultManagementClient, theirs: str, custodians: list[Custodian]
) -> None:
    ours = somebody.managed_hsms.get(GROUP, f"{theirs}-a")
    assert ours is not None
    assert ours.properties is not None
    name = f"{theirs}-b"
    make(stack, somebody, name, administrators=ours.properties.initial_admin_object_ids)
    adopted = approve(stack, portal, adopt(stack, portal, name).json()["id"])
    assert [warning["code"] for warning in adopted["warnings"]] == ["security_domain_not_stored"]
    # Its claim ends after its record, and right before its instance.
    await_instance(stack, name)
    body = request_for(stack, custodians, tags={"made-by": "somebody else"}, requestedBy=ASKING)
    forecast = portal.send("POST", f"hsms/{name}/preflight", json=body).json()
    verdicts = {check["name"]: check["verdict"] for check in forecast["checks"]}
    assert (forecast["verdict"], verdicts["administrator"]) == ("Passed", "Passed"), forecast
    made = approve(stack, portal, portal.put_hsm(name, body).json()["id"])
    assert (made["status"], made["warnings"]) == ("Succeeded", []), made
    assert portal.send("GET", f"hsms/{name}").json()["state"] == "Active"


def test_what_the_policy_refuses_by_now_is_not_taken_over(stack: Stack, portal: Portal, theirs: str) -> None:
    operation_id = adopt(stack, portal, theirs, expiresAt=soon()).json()["id"]
    await_step(portal, operation_id, "await_approval")
    time.sleep(SOON)
    operation = approve(stack, portal, operation_id)
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "expiry_in_past")
    assert portal.send("GET", f"hsms/{theirs}").status_code == 404


def test_what_was_taken_over_is_changed_as_any_other(
    stack: Stack, portal: Portal, other_portal: Portal, theirs: str, custodians: list[Custodian]
) -> None:
    assert approve(stack, portal, adopt(stack, portal, theirs).json()["id"])["status"] == "Succeeded"
    changed = portal.send("PATCH", f"hsms/{theirs}", json={"tags": {"owner": "team-a"}})
    assert portal.follow(changed.json()["id"])["status"] == "Succeeded"
    shown = portal.send("GET", f"hsms/{theirs}").json()
    assert shown["tags"] == {"made-by": "somebody else", "owner": "team-a"}
    assert other_portal.send("GET", f"hsms/{theirs}").status_code == 404
    foreign = adopt(stack, other_portal, theirs)
    assert (foreign.status_code, foreign.json()["code"]) == (404, "hsm_not_found")
    body = request_for(stack, custodians, tags={"made-by": "somebody else", "owner": "team-a"})
    differs = portal.put_hsm(theirs, {**body, "softDeleteRetentionDays": 30})
    assert (differs.status_code, differs.json()["errors"][0]["field"]) == (409, "softDeleteRetentionDays")


def test_the_security_domain_of_what_was_taken_over_is_not_exported_without_approval(
    stack: Stack, portal: Portal, theirs: str, custodians: list[Custodian]
) -> None:
    assert approve(stack, portal, adopt(stack, portal, theirs).json()["id"])["status"] == "Succeeded"
    assert portal.send("PATCH", f"hsms/{theirs}", json={"tags": {"owner": "team-a"}}).status_code == 202
    portal.follow(portal.send("GET", f"hsms/{theirs}").json()["lastOperation"]["id"])
    body = request_for(stack, custodians, tags={"made-by": "somebody else", "owner": "team-a"})
    forecast = portal.send("POST", f"hsms/{theirs}/preflight", json={**body, "requestedBy": ASKING}).json()
    reasons = ["The HSM was taken over, or restored; its security domain is exported for the first time."]
    (administrator,) = (check for check in forecast["checks"] if check["name"] == "administrator")
    assert (administrator["verdict"], administrator["code"]) == ("Warning", "service_not_administrator")
    assert (forecast["verdict"], forecast["approval"]) == ("Passed", {"required": True, "reasons": reasons}), forecast
    nobody = portal.put_hsm(theirs, body)
    assert (nobody.status_code, nobody.json()["code"]) == (400, "requested_by_missing")
    operation_id = portal.put_hsm(theirs, {**body, "requestedBy": ASKING}).json()["id"]
    waiting = await_waiting(portal, operation_id)
    assert waiting["approval"]["reasons"] == reasons
    assert [warning["code"] for warning in waiting["warnings"]] == ["service_not_administrator"]
    assert portal.send("POST", f"operations/{operation_id}/cancel").status_code == 202
    assert portal.follow(operation_id)["status"] == "Canceled"
    assert stack.control.exports(theirs) == []


def test_what_azure_has_not_there_cannot_be_taken_over(stack: Stack, portal: Portal, theirs: str) -> None:
    nothing = adopt(stack, portal, f"{theirs}-b")
    elsewhere = adopt(stack, portal, theirs, resourceGroup="rg-other")
    for refused in (nothing, elsewhere):
        assert (refused.status_code, refused.json()["code"]) == (404, "hsm_not_found")
    ours = adopt(stack, portal, f"{theirs}-a")
    assert (ours.status_code, ours.json()["code"]) == (409, "hsm_ours_already")
    assert portal.send("GET", f"hsms/{theirs}").status_code == 404


@pytest.mark.parametrize(
    ("changes", "status", "field", "code"),
    [
        ({"environment": "production"}, 403, "purgeProtection", "purge_protection_required"),
        ({"environment": "ephemeral"}, 403, "expiresAt", "expiry_required"),
        ({"environment": "nowhere"}, 403, "environment", "environment_unknown"),
        ({"team": "team-b"}, 403, "team", "team_not_yours"),
        ({"requestedBy": None}, 400, "requestedBy", "requested_by_missing"),
        ({"requestedBy": "me"}, 400, "requestedBy", "invalid_field"),
        ({"environment": None}, 400, "environment", "invalid_field"),
        ({"resourceGroup": "a/b"}, 400, "resourceGroup", "invalid_field"),
        ({"subscriptionId": "mine"}, 400, "subscriptionId", "invalid_field"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, 400, "expiresAt", "expiry_in_past"),
        ({"surprise": 1}, 400, "surprise", "invalid_field"),
    ],
)
def test_each_refusal_names_its_field(
    changes: dict[str, Any], status: int, field: str, code: str, stack: Stack, portal: Portal, theirs: str
) -> None:
    refused = adopt(stack, portal, theirs, **changes)
    problem = refused.json()
    assert (refused.status_code, problem["code"], problem["errors"][0]["field"]) == (status, code, field)


@pytest.mark.parametrize(("group", "code"), [(ELSEWHERE, "subscription_not_allowed"), (NOBODY, "team_not_yours")])
def test_who_may_not_ask_there_does_not_learn_what_there_is(
    group: str, code: str, stack: Stack, theirs: str, custodians: list[Custodian]
) -> None:
    asking = Portal(stack, register_application(stack.control, "asking", ["Hsm.Request"], groups=[group]))
    ours, nothing = f"{theirs}-a", f"{theirs}-b"
    for name in (ours, theirs, nothing):
        refused = adopt(stack, asking, name)
        assert (refused.status_code, refused.json()["code"]) == (403, code), name
    if group == NOBODY:
        for name in (ours, nothing):
            assert asking.put_hsm(name, request_for(stack, custodians)).json()["code"] == code


def test_a_subscription_of_others_is_refused(stack: Stack, portal: Portal, hsm_name: str) -> None:
    foreign = adopt(stack, portal, hsm_name, subscriptionId=stack.azure.endpoints.other_tenant_subscription_id)
    assert (foreign.status_code, foreign.json()["code"]) == (400, "subscription_not_ours")


def test_another_hsm_of_its_name_is_not_taken_over(
    stack: Stack, portal: Portal, somebody: KeyVaultManagementClient, theirs: str
) -> None:
    hold = stack.control.hold(
        NewHold(service="resource_manager", method="GET", path=f"/managedHSMs/{theirs}", phase="before", skip=2)
    )
    operation_id = adopt(stack, portal, theirs).json()["id"]
    with ThreadPoolExecutor(1) as pool:
        followed = pool.submit(approve, stack, Portal(stack, stack.portal), operation_id)
        assert stack.control.await_hold(hold, 30)
        stack.control.forget_hsm(theirs)
        make(stack, somebody, theirs)
        stack.control.release(hold)
        operation = followed.result()
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "hsm_changed"), operation
    assert portal.send("GET", f"hsms/{theirs}").status_code == 404


def test_one_that_changed_since_it_was_pinned_is_not_taken_over(
    stack: Stack, portal: Portal, somebody: KeyVaultManagementClient, theirs: str
) -> None:
    hold = stack.control.hold(
        NewHold(service="resource_manager", method="GET", path=f"/managedHSMs/{theirs}", phase="before", skip=2)
    )
    operation_id = adopt(stack, portal, theirs).json()["id"]
    with ThreadPoolExecutor(1) as pool:
        followed = pool.submit(approve, stack, Portal(stack, stack.portal), operation_id)
        assert stack.control.await_hold(hold, 30)
        rules = arm.ManagedHsmProperties(network_acls=arm.MHSMNetworkRuleSet(default_action="Deny"))
        poller = somebody.managed_hsms.begin_update(GROUP, theirs, arm.ManagedHsm(properties=rules), polling=False)
        assert poller is not None
        stack.control.release(hold)
        operation = followed.result()
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "hsm_changed"), operation


def test_a_person_asks_for_themselves(stack: Stack, portal: Portal, theirs: str) -> None:
    token = NewToken(
        audience=API_AUDIENCE,
        person=True,
        scopes="access_as_user",
        groups=[TEAM_A],
        roles=["Hsm.Request"],
        object_id=ASKING,
    )
    body = {
        "subscriptionId": stack.azure.endpoints.subscription_id,
        "resourceGroup": GROUP,
        "environment": "development",
    }
    headers = {"Authorization": f"Bearer {stack.control.create_token(token)}"}
    response = portal.send("POST", f"hsms/{theirs}/adopt", json=body, headers=headers)
    assert response.status_code == 202, response.text
    assert response.json()["requester"]["objectId"] == ASKING
    assert approve(stack, portal, response.json()["id"])["status"] == "Succeeded"


def decision_headers(stack: Stack, object_id: str) -> dict[str, str]:
    token = NewToken(
        audience=API_AUDIENCE,
        person=True,
        scopes="access_as_user",
        groups=[TEAM_A],
        roles=["Hsm.Approve"],
        object_id=object_id,
    )
    return {"Authorization": f"Bearer {stack.control.create_token(token)}"}


def await_waiting(portal: Portal, operation_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        operation = portal.operation(operation_id)
        if {step["name"]: step["status"] for step in operation["steps"]}["await_approval"] == "Running":
            return operation
        time.sleep(0.2)
    raise TimeoutError(operation_id)


def test_without_an_approval_nothing_is_taken_over(stack: Stack, portal: Portal, theirs: str) -> None:
    operation_id = adopt(stack, portal, theirs).json()["id"]
    body = {"planSha256": await_waiting(portal, operation_id)["approval"]["planSha256"]}
    own = portal.send("POST", f"operations/{operation_id}/approve", json=body, headers=decision_headers(stack, ASKING))
    assert (own.status_code, own.json()["code"]) == (403, "approver_is_requester")
    assert portal.send("GET", f"hsms/{theirs}").status_code == 404
    assert portal.send("PATCH", f"hsms/{theirs}", json={"tags": {"a": "b"}}).status_code == 404
    headers = decision_headers(stack, APPROVING)
    assert portal.send("POST", f"operations/{operation_id}/reject", json=body, headers=headers).status_code == 200
    operation = portal.follow(operation_id)
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "approval_rejected")
    assert portal.send("GET", f"hsms/{theirs}").status_code == 404
    again = adopt(stack, portal, theirs)
    assert again.status_code == 202
    assert again.json()["id"] != operation_id
    canceled = portal.send("POST", f"operations/{again.json()['id']}/cancel")
    assert canceled.status_code == 202, canceled.text
    assert portal.follow(again.json()["id"])["status"] == "Canceled"
    assert portal.send("GET", f"hsms/{theirs}").status_code == 404
