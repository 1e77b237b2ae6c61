"""The dry run of a PUT: every check has its verdict, the operation agrees with it, and nothing is changed."""

from typing import Any

import pytest

from local.portal import Portal
from local.stack import Stack, register_application
from tests import stored
from tests.custodians import Custodian, make_custodian, request_for
from tests.policies import ELSEWHERE
from tests.test_provision import provision

KEYS = "securityDomain.wrappingKeys"
NAMES = [
    *("policy", "subscription", "provider", "region", "permissions", "monitoring", "network", "identities"),
    *("operation", "name", "existing", "opening", "administration", "administrators", "backups"),
    *("switches", "quota", "limit", "wrapping_key_1", "wrapping_key_2", "wrapping_key_3"),
    *("administrator", "custody", "quorum", "principals"),
]
# What cannot be asked while the name is not known to be free or the team's.
WITHOUT_NAME = {"existing", "opening", "administrators", "administration", "switches", "quota"}
# What does not apply to certificates as PEM, and where nobody is given a role.
INAPPLICABLE = {"custody", "principals"}


def preflight(portal: Portal, name: str, body: dict[str, Any]) -> dict[str, Any]:
    response = portal.send("POST", f"hsms/{name}/preflight", json=body)
    assert response.status_code == 200, response.text
    document: dict[str, Any] = response.json()
    assert [check["name"] for check in document["checks"]] == NAMES
    return document


def verdicts(document: dict[str, Any], *verdict: str) -> dict[str, str | None]:
    return {check["name"]: check.get("code") for check in document["checks"] if check["verdict"] in verdict}


def test_a_good_request_passes_and_nothing_is_changed(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians, resourceGroup=f"rg-{hsm_name}")
    since = len(stack.control.journal())
    before = {blob.name for blob in stored.service(stack).get_container_client("hsm-records").list_blobs()}
    document = preflight(portal, hsm_name, body)
    assert document["verdict"] == "Passed"
    # All certificates were sent as PEM.
    assert set(verdicts(document, "Passed")) == set(NAMES) - INAPPLICABLE
    assert set(verdicts(document, "Skipped")) == INAPPLICABLE
    assert document["wouldCreate"] == [
        {"type": "Microsoft.Resources/resourceGroups", "name": f"rg-{hsm_name}"},
        {"type": "Microsoft.KeyVault/managedHSMs", "name": hsm_name},
        {"type": "SecurityDomain", "name": hsm_name},
    ]
    assert document["monthlyCostUsd"] == 2500
    assert document["approval"] == {"required": False, "reasons": []}
    assert stack.control.hsms() == []
    assert stored.paths(stack, hsm_name) == []
    after = {blob.name for blob in stored.service(stack).get_container_client("hsm-records").list_blobs()}
    assert after == before
    methods = {entry["method"] for entry in stack.control.journal()[since:] if entry["service"] == "blob_storage"}
    assert methods <= {"GET", "HEAD"}


def test_a_finished_hsm_needs_nothing_and_what_differs_is_named(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    assert provision(portal, hsm_name, body)["status"] == "Succeeded"
    document = preflight(portal, hsm_name, body)
    assert (document["verdict"], document["wouldCreate"]) == ("Passed", [])
    assert "administrator" in verdicts(document, "Skipped")
    differing = preflight(portal, hsm_name, {**body, "location": "westeurope"})
    assert verdicts(differing, "Failed") == {"existing": "hsm_differs"}
    (existing,) = (check for check in differing["checks"] if check["name"] == "existing")
    assert existing["field"] == "location"


def test_all_faults_are_told_at_once(stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]) -> None:
    disabled = stack.control.plant_certificate("custodians", f"{hsm_name}-off", custodians[0].pem, enabled=False)
    weak = make_custodian("old", begins_in_days=-10, days=5)
    expired = stack.control.plant_certificate("custodians", f"{hsm_name}-old", weak.pem)
    body = request_for(stack, custodians, location="nowhere")
    body["securityDomain"]["wrappingKeys"] = [
        {"certificateId": disabled},
        {"certificateId": expired},
        {"certificateId": "https://custodians.vault.azure.net/certificates/nobody-has-this"},
    ]
    body["securityDomain"]["quorum"] = 3
    document = preflight(portal, hsm_name, body)
    assert verdicts(document, "Failed") == {
        "policy": "location_not_allowed",
        "wrapping_key_1": "wrapping_key_disabled",
        "wrapping_key_2": "wrapping_key_expired",
        "wrapping_key_3": "wrapping_key_not_found",
        "region": "location_unsupported",
    }
    assert verdicts(document, "Warning") == {
        "custody": "wrapping_keys_in_one_vault",
        "quorum": "quorum_is_all_keys",
    }
    assert (document["verdict"], document["wouldCreate"]) == ("Failed", [])


def test_what_cannot_be_asked_is_skipped(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    foreign = stack.azure.endpoints.other_tenant_subscription_id
    document = preflight(portal, hsm_name, request_for(stack, custodians, subscriptionId=foreign))
    assert verdicts(document, "Failed") == {"subscription": "subscription_not_ours"}
    skipped = {"provider", "region", "permissions", "monitoring", "network", "name", "administrator"}
    skipped |= WITHOUT_NAME | INAPPLICABLE
    assert set(verdicts(document, "Skipped")) == skipped


def test_azure_is_not_asked_about_a_subscription_that_the_policy_refuses(
    stack: Stack, hsm_name: str, custodians: list[Custodian]
) -> None:
    elsewhere = Portal(stack, register_application(stack.control, "elsewhere", ["Hsm.Request"], groups=[ELSEWHERE]))
    foreign = stack.azure.endpoints.other_tenant_subscription_id
    for subscription in (stack.azure.endpoints.subscription_id, foreign):
        since = len(stack.control.journal())
        document = preflight(elsewhere, hsm_name, request_for(stack, custodians, subscriptionId=subscription))
        assert verdicts(document, "Failed") == {"policy": "subscription_not_allowed"}
        skipped = {"subscription", "provider", "region", "permissions", "monitoring", "network", "name"}
        skipped |= {"administrator"} | WITHOUT_NAME | INAPPLICABLE
        assert set(verdicts(document, "Skipped")) == skipped
        assert stack.control.journal("resource_manager", since=since) == []


def test_an_unregistered_subscription_is_not_registered_by_a_dry_run(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    subscription = stack.control.create_subscription()
    since = len(stack.control.journal())
    document = preflight(portal, hsm_name, request_for(stack, custodians, subscriptionId=subscription))
    assert verdicts(document, "Failed") == {"provider": "provider_not_registered"}
    asked = stack.control.journal("resource_manager", since=since)
    assert {entry["method"] for entry in asked} == {"GET"}


def test_the_quota_is_told(stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]) -> None:
    for number in range(5):
        assert provision(portal, f"{hsm_name}-{number}", request_for(stack, custodians))["status"] == "Succeeded"
    document = preflight(portal, hsm_name, request_for(stack, custodians))
    assert verdicts(document, "Failed") == {"quota": "quota_exceeded"}


def test_another_teams_hsm_is_told_by_its_name_only(
    stack: Stack, portal: Portal, other_portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    assert provision(portal, hsm_name, body)["status"] == "Succeeded"
    document = preflight(other_portal, hsm_name, body)
    assert verdicts(document, "Failed") == {"name": "hsm_exists"}
    assert set(verdicts(document, "Skipped")) == WITHOUT_NAME | INAPPLICABLE | {"administrator"}
    assert other_portal.put_hsm(hsm_name, body).json()["code"] == "hsm_exists"


def test_an_operation_that_runs_is_told(
    stack: Stack, portal: Portal, other_portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    stack.control.change_timing(5, 0.6)
    body = request_for(stack, custodians)
    operation_id = portal.put_hsm(hsm_name, body).json()["id"]
    other = preflight(portal, hsm_name, {**body, "softDeleteRetentionDays": 8})
    assert "operation" in verdicts(other, "Failed")
    assert verdicts(preflight(portal, hsm_name, body), "Failed") == {}
    assert verdicts(preflight(other_portal, hsm_name, body), "Failed") == {"name": "hsm_exists"}
    assert portal.follow(operation_id)["status"] == "Succeeded"


def test_a_silent_vault_is_one_failed_check(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    body["securityDomain"]["wrappingKeys"][1] = {
        "certificateId": "https://no-vault-here.vault.azure.net/certificates/c"
    }
    document = preflight(portal, hsm_name, body)
    assert set(verdicts(document, "Failed")) == {"wrapping_key_2"}
    (silent,) = (check for check in document["checks"] if check["name"] == "wrapping_key_2")
    assert silent["field"] == f"{KEYS}[1]"


@pytest.mark.parametrize(
    ("change", "code"),
    [({"surprise": 1}, "invalid_field"), ({"team": "team-b"}, "team_not_yours")],
)
def test_a_faulty_body_is_refused_as_with_put(
    change: dict[str, Any], code: str, stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians) | change
    tried, put = portal.send("POST", f"hsms/{hsm_name}/preflight", json=body), portal.put_hsm(hsm_name, body)
    assert (tried.status_code, tried.json()["code"]) == (put.status_code, put.json()["code"])
    assert put.json()["code"] == code


def test_what_a_dry_run_refuses_the_operation_refuses_too(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    body["securityDomain"]["wrappingKeys"][2] = {
        "certificateId": "https://custodians.vault.azure.net/certificates/nobody-has-this"
    }
    (code,) = verdicts(preflight(portal, hsm_name, body), "Failed").values()
    operation = provision(portal, hsm_name, body)
    assert (operation["status"], operation["error"]["code"]) == ("Failed", code)
