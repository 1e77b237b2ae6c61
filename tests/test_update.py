"""What Azure changes in place: by a PATCH, and by a PUT that differs in nothing else."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.identity import ClientSecretCredential
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.keyvault import models as arm
from durabletask.client import TaskHubGrpcClient

from domain.steps import STEPS
from local.azure.control.models import NewHold
from local.policy import policy
from local.portal import Portal
from local.stack import Stack
from orchestrations.downloading import MAXIMUM_DOWNLOADS
from tests.custodians import NO_OTHER_RULES, Custodian, request_for
from tests.hosts import deployed
from tests.test_idempotency import await_instance
from tests.test_recovery import abandon

NETWORK = {"defaultAction": "Deny", "ipRules": ["203.0.113.0/24"]}
# What lets the app in, which downloads the security domain.
HOME = {"defaultAction": "Deny", "ipRules": ["127.0.0.0/8"]}


@pytest.fixture
def somebody(stack: Stack) -> Iterator[KeyVaultManagementClient]:
    """Somebody with rights on the subscription, who does not ask us."""
    endpoints, application = stack.azure.endpoints, stack.portal
    with (
        ClientSecretCredential(endpoints.tenant_id, application.client_id, application.client_secret) as credential,
        KeyVaultManagementClient(credential, endpoints.subscription_id, polling_interval=0.1) as client,
    ):
        yield client


def provision(stack: Stack, portal: Portal, name: str, body: dict[str, Any]) -> str:
    """Make an HSM and give its ETag."""
    operation = portal.follow(portal.put_hsm(name, body).json()["id"])
    assert operation["status"] == "Succeeded", operation
    # Its claim, which the ETag is of, ends a moment after its record is there.
    await_instance(stack, name)
    return portal.send("GET", f"hsms/{name}").headers["ETag"]


def patch(portal: Portal, name: str, body: dict[str, Any], **headers: str) -> requests.Response:
    return portal.send("PATCH", f"hsms/{name}", json=body, headers=headers)


def follow(portal: Portal, response: requests.Response) -> dict[str, Any]:
    assert response.status_code == 202, response.text
    operation = portal.follow(response.json()["id"])
    assert operation["status"] == "Succeeded", (operation.get("error"), operation["steps"])
    return operation


def shown(portal: Portal, name: str) -> dict[str, Any]:
    document: dict[str, Any] = portal.send("GET", f"hsms/{name}").json()
    return document


def test_a_patch_changes_what_it_names_and_nothing_else(
    stack: Stack, portal: Portal, somebody: KeyVaultManagementClient, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians, tags={"owner": "team-a", "old": "1"})
    provision(stack, portal, hsm_name, body)
    theirs = {"owner": "team-a", "old": "1", "costCenter": "42"}
    somebody.managed_hsms.begin_update("rg-hsm", hsm_name, arm.ManagedHsm(tags=theirs)).result()
    change = {
        "tags": {"Owner": "team-a2", "OLD": None},
        "network": NETWORK,
        "purgeProtection": True,
        "expiresAt": "2030-01-01T00:00:00Z",
    }
    response = patch(portal, hsm_name, change)
    assert response.headers["Operation-Location"].endswith(f"operations/{response.json()['id']}?api-version=2026-11-01")
    assert response.headers["Location"].endswith(f"/api/hsms/{hsm_name}?api-version=2026-11-01")
    operation = follow(portal, response)
    assert (operation["kind"], tuple(step["name"] for step in operation["steps"])) == ("update", STEPS["update"])
    assert operation["result"]["uri"].startswith(f"https://{hsm_name}.managedhsm.azure.net")
    assert operation["plan"]["change"]["network"] == NETWORK | NO_OTHER_RULES
    hsm = shown(portal, hsm_name)
    assert hsm["tags"] == {"Owner": "team-a2", "costCenter": "42"}
    assert (hsm["network"], hsm["purgeProtection"]) == (NETWORK | NO_OTHER_RULES, True)
    assert (hsm["expiresAt"], hsm["lastOperation"]["kind"]) == ("2030-01-01T00:00:00.000Z", "update")
    assert hsm["securityDomain"]
    whole = {**body, **change, "tags": {"Owner": "team-a2"}}
    assert portal.put_hsm(hsm_name, whole).status_code == 200
    assert len(stack.control.exports(hsm_name)) == 1


def test_a_part_of_the_network_keeps_the_other(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    provision(stack, portal, hsm_name, request_for(stack, custodians, network=HOME))
    follow(portal, patch(portal, hsm_name, {"network": {"ipRules": ["198.51.100.7"]}}))
    ranges = {"ipRules": ["198.51.100.7/32"], **NO_OTHER_RULES}
    assert shown(portal, hsm_name)["network"] == {"defaultAction": "Deny", **ranges}
    follow(portal, patch(portal, hsm_name, {"network": {"defaultAction": "Allow"}}))
    assert shown(portal, hsm_name)["network"] == {"defaultAction": "Allow", **ranges}


def test_the_same_patch_joins_its_operation_and_then_finds_nothing_to_do(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    provision(stack, portal, hsm_name, body)
    hold = stack.control.hold(
        NewHold(service="resource_manager", method="PATCH", path=f"/managedHSMs/{hsm_name}", phase="before")
    )
    first = patch(portal, hsm_name, {"tags": {"owner": "b"}})
    assert stack.control.await_hold(hold, 30)
    second = patch(portal, hsm_name, {"tags": {"owner": "b"}})
    whole = portal.put_hsm(hsm_name, {**body, "tags": {"owner": "b"}})
    other = patch(portal, hsm_name, {"tags": {"owner": "c"}})
    stack.control.release(hold)
    assert first.json()["id"] == second.json()["id"] == whole.json()["id"]
    assert (other.status_code, other.json()["code"]) == (409, "operation_in_progress")
    assert other.json()["operation"]["id"] == first.json()["id"]
    follow(portal, first)
    await_instance(stack, hsm_name)
    unchanged = patch(portal, hsm_name, {"tags": {"owner": "b"}})
    assert (unchanged.status_code, unchanged.json()["tags"]) == (200, {"owner": "b"})
    assert unchanged.headers["ETag"] == portal.send("GET", f"hsms/{hsm_name}").headers["ETag"]


def test_of_two_patches_of_one_etag_one_wins(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    etag = provision(stack, portal, hsm_name, request_for(stack, custodians))
    portal.token()
    together = threading.Barrier(4)

    def send(owner: str) -> requests.Response:
        together.wait()
        return patch(Portal(stack, stack.portal), hsm_name, {"tags": {"owner": owner}}, **{"If-Match": etag})

    with ThreadPoolExecutor(4) as pool:
        responses = list(pool.map(send, "abcd"))
    assert sorted(response.status_code for response in responses) == [202, 412, 412, 412]
    assert {response.json()["code"] for response in responses if response.status_code == 412} == {"precondition_failed"}
    (won,) = [response for response in responses if response.status_code == 202]
    follow(portal, won)
    assert shown(portal, hsm_name)["tags"] == {"owner": "abcd"[responses.index(won)]}
    late = patch(portal, hsm_name, {"tags": {"owner": "e"}}, **{"If-Match": etag})
    assert late.status_code == 412


def test_a_patch_after_a_put_of_the_same_etag_fails(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    etag = provision(stack, portal, hsm_name, body)
    follow(portal, portal.send("PUT", f"hsms/{hsm_name}", json={**body, "tags": {}}, headers={"If-Match": etag}))
    refused = patch(portal, hsm_name, {"tags": {"owner": "b"}}, **{"If-Match": etag})
    assert (refused.status_code, shown(portal, hsm_name)["tags"]) == (412, {})


def test_another_teams_hsm_and_none_at_all_do_not_exist(
    stack: Stack, portal: Portal, other_portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    provision(stack, portal, hsm_name, request_for(stack, custodians))
    foreign = patch(other_portal, hsm_name, {"tags": {"owner": "b"}}, **{"If-Match": '"nonsense"'})
    nothing = patch(portal, f"{hsm_name}-b", {"tags": {"owner": "b"}})
    assert [(answer.status_code, answer.json()["code"]) for answer in (foreign, nothing)] == [
        (404, "hsm_not_found")
    ] * 2
    assert foreign.json()["detail"] == nothing.json()["detail"]
    stack.control.forget_hsms()
    assert patch(portal, hsm_name, {"tags": {"owner": "b"}}).status_code == 404


BAD_BODIES: dict[str, tuple[Any, str, str]] = {
    "nothing": ({}, "body", "invalid_field"),
    "only who asks": ({"requestedBy": "00000000-0000-0000-0000-000000000001"}, "body", "invalid_field"),
    "a list": ([], "body", "invalid_field"),
    "what cannot change": ({"sku": "Standard_B1"}, "sku", "property_immutable"),
    "an unknown member": ({"surprise": 1}, "surprise", "invalid_field"),
    "tags that are null": ({"tags": None}, "tags", "invalid_field"),
    "a tag that is a number": ({"tags": {"a": 1}}, "tags.a", "invalid_field"),
    "a tag's name that Azure refuses": ({"tags": {"a?": "b"}}, "tags", "invalid_field"),
    "two names that Azure takes for one": ({"tags": {"a": "b", "A": None}}, "tags", "invalid_field"),
    "too many tags": ({"tags": {f"t{number}": "" for number in range(51)}}, "tags", "invalid_field"),
    "a network that is null": ({"network": None}, "network", "invalid_field"),
    "no action": ({"network": {"defaultAction": None}}, "network.defaultAction", "invalid_field"),
    "another action": ({"network": {"defaultAction": "Ask"}}, "network.defaultAction", "invalid_field"),
    "no range": ({"network": {"ipRules": ["::1"]}}, "network.ipRules[0]", "invalid_field"),
    "an unknown member of the network": ({"network": {"x": 1}}, "network.x", "invalid_field"),
    "purge protection as a number": ({"purgeProtection": 1}, "purgeProtection", "invalid_field"),
    "purge protection off": ({"purgeProtection": False}, "purgeProtection", "property_immutable"),
    "purge protection null": ({"purgeProtection": None}, "purgeProtection", "invalid_field"),
    "a day without a time zone": ({"expiresAt": "2030-01-01T00:00:00"}, "expiresAt", "invalid_field"),
    "an expiry that has passed": ({"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt", "expiry_in_past"),
    "somebody who is none": ({"tags": {}, "requestedBy": "me"}, "requestedBy", "invalid_field"),
}


def test_a_faulty_patch_is_refused_by_its_field(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    etag = provision(stack, portal, hsm_name, request_for(stack, custodians))
    for case, (body, field, code) in BAD_BODIES.items():
        refused = patch(portal, hsm_name, body)
        problem = refused.json()
        assert (refused.status_code, problem["code"], problem["errors"][0]["field"]) == (400, code, field), case
    for data, code in ((b"", "body_missing"), (b"{", "body_not_json"), (b'{"tags": "\xff"}', "body_not_utf8")):
        refused = portal.send("PATCH", f"hsms/{hsm_name}", data=data)
        assert (refused.status_code, refused.json()["code"]) == (400, code)
    headers = {"Content-Type": "application/json-patch+json"}
    refused = portal.send("PATCH", f"hsms/{hsm_name}", data=b"[]", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (415, "content_type_unsupported")
    assert refused.headers["Accept-Patch"] == "application/merge-patch+json, application/json"
    assert portal.send("GET", f"hsms/{hsm_name}").headers["ETag"] == etag


def test_a_merge_patch_is_taken_by_its_own_content_type(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    provision(stack, portal, hsm_name, request_for(stack, custodians))
    headers = {"Content-Type": "application/merge-patch+json"}
    refused = portal.send("PUT", f"hsms/{hsm_name}", data=b"{}", headers=headers)
    assert (refused.status_code, "Accept-Patch" in refused.headers) == (415, False)
    follow(portal, portal.send("PATCH", f"hsms/{hsm_name}", data=b'{"tags": {"owner": null}}', headers=headers))
    assert shown(portal, hsm_name)["tags"] == {}


@pytest.mark.parametrize(
    ("made", "change", "field", "code"),
    [
        (
            {"environment": "production", "purgeProtection": True, "network": HOME},
            {"network": {"defaultAction": "Allow"}},
            "network.defaultAction",
            "network_must_deny",
        ),
        (
            {"environment": "ephemeral", "expiresAt": "2030-01-01T00:00:00Z"},
            {"expiresAt": None},
            "expiresAt",
            "expiry_required",
        ),
    ],
    ids=["a network that lets in", "an expiry taken away"],
)
def test_the_policy_holds_for_what_comes_out(
    made: dict[str, Any],
    change: dict[str, Any],
    field: str,
    code: str,
    stack: Stack,
    portal: Portal,
    hsm_name: str,
    custodians: list[Custodian],
) -> None:
    body = request_for(stack, custodians, **made)
    provision(stack, portal, hsm_name, body)
    refused = patch(portal, hsm_name, change)
    assert (refused.status_code, refused.json()["code"]) == (403, code)
    assert refused.json()["errors"][0]["field"] == field
    follow(portal, patch(portal, hsm_name, {"tags": {"stage": "2"}}))


def test_a_put_changes_in_place_and_names_what_cannot_change(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    provision(stack, portal, hsm_name, body)
    changed = {**body, "tags": {"stage": "2"}, "network": NETWORK, "purgeProtection": True}
    operation = follow(portal, portal.put_hsm(hsm_name, changed))
    assert operation["kind"] == "update"
    hsm = shown(portal, hsm_name)
    assert (hsm["tags"], hsm["network"], hsm["purgeProtection"]) == ({"stage": "2"}, NETWORK | NO_OTHER_RULES, True)
    assert portal.put_hsm(hsm_name, changed).status_code == 200
    refused = portal.put_hsm(hsm_name, {**body, "softDeleteRetentionDays": 30, "environment": "production"})
    assert (refused.status_code, refused.json()["code"]) == (403, "purge_protection_required")
    other = {**changed, "environment": "production", "softDeleteRetentionDays": 30, "purgeProtection": True}
    refused = portal.put_hsm(hsm_name, other)
    assert (refused.status_code, refused.json()["code"]) == (409, "hsm_differs")
    assert {error["field"] for error in refused.json()["errors"]} == {"softDeleteRetentionDays", "environment"}
    off = portal.put_hsm(hsm_name, {**changed, "purgeProtection": False})
    assert [error["field"] for error in off.json()["errors"]] == ["purgeProtection"]
    assert len(stack.control.exports(hsm_name)) == 1


def test_the_same_put_takes_back_what_others_did_to_the_network(
    stack: Stack, portal: Portal, somebody: KeyVaultManagementClient, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians, network=HOME)
    provision(stack, portal, hsm_name, body)
    rules = arm.MHSMNetworkRuleSet(default_action="Allow")
    properties = arm.ManagedHsmProperties(network_acls=rules, public_network_access="Disabled")
    somebody.managed_hsms.begin_update("rg-hsm", hsm_name, arm.ManagedHsm(properties=properties)).result()
    follow(portal, portal.put_hsm(hsm_name, body))
    hsm = somebody.managed_hsms.get("rg-hsm", hsm_name)
    assert hsm is not None
    assert hsm.properties is not None
    assert hsm.properties.public_network_access == "Enabled"
    assert shown(portal, hsm_name)["network"] == HOME | NO_OTHER_RULES
    assert portal.put_hsm(hsm_name, body).status_code == 200


def leave_unactivated(stack: Stack, portal: Portal, name: str, body: dict[str, Any]) -> None:
    stack.control.queue_export_outcomes(*["Failed"] * MAXIMUM_DOWNLOADS)
    operation = portal.follow(portal.put_hsm(name, body).json()["id"])
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "export_failed")


def test_an_hsm_that_is_not_active_can_be_changed_and_then_made(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    leave_unactivated(stack, portal, hsm_name, body)
    follow(portal, patch(portal, hsm_name, {"tags": {"stage": "2"}}))
    assert shown(portal, hsm_name)["state"] == "NotActivated"
    extending = portal.follow(patch(portal, hsm_name, {"additionalRegions": ["swedencentral"]}).json()["id"])
    assert (extending["status"], extending["error"]["code"]) == ("Failed", "hsm_not_active")
    operation = follow(portal, portal.put_hsm(hsm_name, {**body, "tags": {"owner": "team-a", "stage": "2"}}))
    assert (operation["kind"], shown(portal, hsm_name)["state"]) == ("provision", "Active")


def test_a_change_without_its_person_is_not_planned_once_the_policy_wants_approval(
    stack: Stack, hsm_name: str, custodians: list[Custodian], tmp_path: Path
) -> None:
    with deployed(stack, tmp_path / "host", {}) as before:
        portal = Portal(before)
        operation = portal.follow(portal.put_hsm(hsm_name, request_for(stack, custodians)).json()["id"])
        assert operation["status"] == "Succeeded", operation
        planning = stack.control.hold(
            NewHold(service="blob_storage", method="PUT", path=f"/{hsm_name}/.*/plan.json", phase="before")
        )
        operation_id = patch(portal, hsm_name, {"tags": {"owner": "team-z"}}).json()["id"]
        assert stack.control.await_hold(planning, 30)
    stack.control.release(planning, drop=True)
    wanting = {"HSM_PROVISIONER_POLICY": policy(approval={"kinds": ["update"]})}
    with deployed(stack, tmp_path / "host", wanting) as after:
        operation = Portal(after).follow(operation_id)
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "requested_by_missing")


def test_a_provision_that_is_resumed_applies_what_changed(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    leave_unactivated(stack, portal, hsm_name, body)
    changed = {**body, "tags": {"stage": "2"}, "network": HOME, "purgeProtection": True}
    operation = follow(portal, portal.put_hsm(hsm_name, changed))
    assert operation["kind"] == "provision"
    hsm = shown(portal, hsm_name)
    assert (hsm["state"], hsm["tags"], hsm["network"]) == ("Active", {"stage": "2"}, HOME | NO_OTHER_RULES)
    assert portal.put_hsm(hsm_name, changed).status_code == 200


def test_a_failed_update_is_no_reason_to_download_again(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    provision(stack, portal, hsm_name, body)
    hold = stack.control.hold(
        NewHold(service="resource_manager", method="PATCH", path=f"/managedHSMs/{hsm_name}", phase="before")
    )
    response = patch(portal, hsm_name, {"tags": {"stage": "2"}})
    assert stack.control.await_hold(hold, 30)
    stack.control.forget_hsm(hsm_name)
    stack.control.release(hold)
    failed = portal.follow(response.json()["id"])
    assert (failed["status"], failed["error"]["code"]) == ("Failed", "azure_not_found")
    provision(stack, portal, hsm_name, body)
    with TaskHubGrpcClient(host_address=stack.host.durable_address) as engine:
        engine.purge_orchestration(f"hsm-{hsm_name}")
    assert portal.put_hsm(hsm_name, body).status_code == 200


@pytest.mark.parametrize("orchestration", ["hsm_update", "hsm_adoption"])
def test_an_orchestration_of_another_kind_gets_nothing_done(
    orchestration: str, stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    operation_id = abandon(stack, hsm_name, "01HZZZZZZZZZZZZZZZZZZZZZZZ", request_for(stack, custodians))
    with TaskHubGrpcClient(host_address=stack.host.durable_address) as engine:
        engine.schedule_new_orchestration(orchestration, input=operation_id, instance_id=f"hsm-{hsm_name}")
        ended = engine.wait_for_orchestration_completion(f"hsm-{hsm_name}", timeout=30)
        assert ended is not None
        assert ended.get_output() == "not_claimed"
        engine.purge_orchestration(f"hsm-{hsm_name}")
    assert portal.operation(operation_id)["status"] == "NotStarted"
