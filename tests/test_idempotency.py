"""PUT twice, in any spelling and at any instant: one operation and one HSM; and what is not ours is not touched."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from azure.identity import ClientSecretCredential
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.keyvault import models as arm
from durabletask.client import OrchestrationStatus, TaskHubGrpcClient

from local.azure.control.models import NewFault, NewHold
from local.azure.core.faults import Reset
from local.policy import TEAM_A
from local.portal import Portal
from local.stack import Stack, register_application
from tests.custodians import ADMINISTRATOR, Custodian, make_custodian, request_for, wrapping_keys


def count_puts(stack: Stack, name: str) -> int:
    journal = stack.control.journal("resource_manager")
    return sum(entry["method"] == "PUT" and entry["path"].endswith(f"/managedHSMs/{name}") for entry in journal)


def test_the_same_request_joins_the_operation_and_then_finds_the_hsm(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    first = portal.put_hsm(hsm_name, body)
    spelled_otherwise = {**body, "location": "Norway East", "resourceGroup": "RG-HSM", "sku": "Standard_B1"}
    second = portal.put_hsm(hsm_name.upper(), spelled_otherwise)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] == second.json()["id"]
    portal.follow(first.json()["id"])
    finished = portal.put_hsm(hsm_name, body)
    assert (finished.status_code, finished.json()["state"]) == (200, "Active")
    assert count_puts(stack, hsm_name) == 1
    assert len(stack.control.exports(hsm_name)) == 1


def test_requests_at_the_same_instant_give_one_operation(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    portal.token()

    def send(name: str) -> requests.Response:
        return Portal(stack, stack.portal).put_hsm(name, body)

    with ThreadPoolExecutor(6) as pool:
        responses = list(pool.map(send, [hsm_name, hsm_name.upper()] * 3))
    assert [response.status_code for response in responses] == [202] * 6
    assert len({response.json()["id"] for response in responses}) == 1
    assert portal.follow(responses[0].json()["id"])["status"] == "Succeeded"
    assert count_puts(stack, hsm_name) == 1
    assert [hsm["name"] for hsm in stack.control.hsms()] == [hsm_name]


def test_another_request_while_one_runs_is_refused_with_that_operation(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    first = portal.put_hsm(hsm_name, body).json()
    refused = portal.put_hsm(hsm_name, {**body, "tags": {"owner": "team-b"}})
    assert (refused.status_code, refused.json()["code"]) == (409, "operation_in_progress")
    assert refused.json()["operation"]["id"] == first["id"]
    portal.follow(first["id"])


def test_what_cannot_change_is_named(stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]) -> None:
    body = request_for(stack, custodians)
    portal.follow(portal.put_hsm(hsm_name, body).json()["id"])
    changed = {**body, "softDeleteRetentionDays": 30, "securityDomain": {**body["securityDomain"], "quorum": 3}}
    refused = portal.put_hsm(hsm_name, changed)
    assert (refused.status_code, refused.json()["code"]) == (409, "hsm_differs")
    fields = {error["field"] for error in refused.json()["errors"]}
    assert fields == {"softDeleteRetentionDays", "securityDomain.quorum"}


def test_wrapping_keys_may_change_until_the_hsm_is_active(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    stack.control.fail_provisioning(1)
    body = request_for(stack, custodians)
    assert portal.follow(portal.put_hsm(hsm_name, body).json()["id"])["status"] == "Failed"
    others = [make_custodian(f"Successor {number}") for number in range(4)]
    body["securityDomain"] = {"quorum": 3, "wrappingKeys": wrapping_keys(others)}
    operation = portal.follow(portal.put_hsm(hsm_name, body).json()["id"])
    assert operation["status"] == "Succeeded", operation
    assert operation["result"]["securityDomain"]["thumbprints"] == [custodian.thumbprint for custodian in others]


def test_the_environment_never_changes_once_the_hsm_exists(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    stack.control.fail_provisioning(1)
    expires_at = "2030-01-01T00:00:00Z"
    body = request_for(stack, custodians, environment="ephemeral", expiresAt=expires_at)
    assert portal.follow(portal.put_hsm(hsm_name, body).json()["id"])["status"] == "Failed"
    other = {**body, "environment": "development"}
    refused = portal.put_hsm(hsm_name, other)
    assert (refused.status_code, refused.json()["code"]) == (409, "hsm_differs")
    assert [error["field"] for error in refused.json()["errors"]] == ["environment"]
    tried = portal.send("POST", f"hsms/{hsm_name}/preflight", json=other).json()["checks"]
    (existing,) = (check for check in tried if check["name"] == "existing")
    assert (existing["verdict"], existing["code"], existing["field"]) == ("Failed", "hsm_differs", "environment")
    assert portal.follow(portal.put_hsm(hsm_name, body).json()["id"])["status"] == "Succeeded"


def test_a_claim_whose_answer_is_lost_is_won_all_the_same(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    lose_answer_to_claim(stack, hsm_name)
    created = portal.send("PUT", f"hsms/{hsm_name}", json=body, headers={"If-None-Match": "*"})
    assert created.status_code == 202, created.text
    assert portal.follow(created.json()["id"])["status"] == "Succeeded"
    await_instance(stack, hsm_name)
    etag = portal.send("GET", f"hsms/{hsm_name}").headers["ETag"]
    lose_answer_to_claim(stack, hsm_name)
    change = {"tags": {"owner": "team-z"}}
    changed = portal.send("PATCH", f"hsms/{hsm_name}", json=change, headers={"If-Match": etag})
    assert changed.status_code == 202, changed.text
    assert portal.follow(changed.json()["id"])["status"] == "Succeeded"
    assert portal.send("GET", f"hsms/{hsm_name}").json()["tags"] == {"owner": "team-z"}


def lose_answer_to_claim(stack: Stack, name: str) -> None:
    lost = Reset(phase="after")
    stack.control.inject_fault(NewFault(service="blob_storage", method="PUT", path=f"/claims/{name}", effect=lost))


def test_an_hsm_that_is_not_ours_is_not_touched(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    endpoints, application = stack.azure.endpoints, stack.portal
    credential = ClientSecretCredential(endpoints.tenant_id, application.client_id, application.client_secret)
    body = request_for(stack, custodians)
    with credential, KeyVaultManagementClient(credential, endpoints.subscription_id) as client:
        portal.follow(portal.put_hsm(f"{hsm_name}-a", body).json()["id"])
        client.managed_hsms.begin_create_or_update(
            "rg-hsm",
            hsm_name,
            arm.ManagedHsm(
                location="norwayeast",
                tags={"made-by": "somebody else"},
                sku=arm.ManagedHsmSku(family="B", name="Standard_B1"),
                properties=arm.ManagedHsmProperties(
                    tenant_id=endpoints.tenant_id, initial_admin_object_ids=[ADMINISTRATOR]
                ),
            ),
            polling_interval=0,
        ).result()
        refused = portal.put_hsm(hsm_name, body)
        assert (refused.status_code, refused.json()["code"]) == (409, "hsm_exists")
        untouched = client.managed_hsms.get("rg-hsm", hsm_name)
        assert untouched is not None
        assert untouched.tags == {"made-by": "somebody else"}
    assert count_puts(stack, hsm_name) == 1
    assert stack.control.exports(hsm_name) == []


def test_another_caller_gets_nothing_of_an_hsm_that_is_not_its_own(
    stack: Stack, portal: Portal, other_portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    operation = portal.put_hsm(hsm_name, body).json()
    running = other_portal.put_hsm(hsm_name, body)
    portal.follow(operation["id"])
    finished = other_portal.put_hsm(hsm_name, body)
    for refused in (running, finished):
        assert (refused.status_code, refused.json()["code"]) == (409, "hsm_exists")
        assert "operation" not in refused.json()


def test_of_two_portals_that_want_different_hsms_of_one_name_one_wins(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    """One team has two portals; each is a caller of its own."""
    other = Portal(stack, register_application(stack.control, "a second portal", ["Hsm.Request"], groups=[TEAM_A]))
    portals = [portal, other]
    for sender in portals:
        sender.token()
    bodies = [request_for(stack, custodians, tags={"owner": owner}) for owner in ("first", "second")]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda index: portals[index].put_hsm(hsm_name, bodies[index]), range(2)))
    assert sorted(answer.status_code for answer in answers) == [202, 409], [answer.text for answer in answers]
    won, lost = sorted(answers, key=lambda answer: answer.status_code)
    assert lost.json()["code"] == "operation_in_progress"
    assert lost.json()["operation"]["id"] == won.json()["id"]
    assert portal.follow(won.json()["id"])["status"] == "Succeeded"
    winner = answers.index(won)
    assert portal.send("GET", f"hsms/{hsm_name}").json()["tags"] == bodies[winner]["tags"]
    assert count_puts(stack, hsm_name) == 1


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_request_in_the_moment_of_the_end_sees_the_end(
    method: str, stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    recording = stack.control.hold(
        NewHold(service="blob_storage", method="PUT", path=f"/hsm-records/operations/{hsm_name}", phase="before")
    )
    operation_id = portal.put_hsm(hsm_name, body).json()["id"]
    assert stack.control.await_hold(recording, 30)
    # The claim is read while it still says running; its answer comes when all has ended.
    reading = stack.control.hold(
        NewHold(service="blob_storage", method="GET", path=f"/claims/{hsm_name}", phase="after")
    )
    with ThreadPoolExecutor(1) as pool:
        if method == "GET":
            asked = pool.submit(portal.send, "GET", f"operations/{operation_id}")
        else:
            asked = pool.submit(portal.put_hsm, hsm_name, body)
        assert stack.control.await_hold(reading, 30)
        stack.control.release(recording)
        assert Portal(stack, stack.portal).follow(operation_id)["status"] == "Succeeded"
        await_instance(stack, hsm_name)
        stack.control.release(reading)
        answer = asked.result()
    assert answer.status_code == 200, answer.text
    assert answer.json().get("status", "Succeeded") == "Succeeded", answer.text
    assert portal.operation(operation_id)["status"] == "Succeeded"
    assert count_puts(stack, hsm_name) == 1


def await_instance(stack: Stack, name: str) -> None:
    with TaskHubGrpcClient(host_address=stack.host.durable_address) as client:
        state = client.wait_for_orchestration_completion(f"hsm-{name}", timeout=20)
    assert state is not None
    assert state.runtime_status == OrchestrationStatus.COMPLETED
