"""What a request finds after an operation was interrupted, and after others laid hands on the HSM meanwhile."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.identity import ClientSecretCredential
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.keyvault import models as arm
from durabletask.client import TaskHubGrpcClient

from domain.caller import Principal
from domain.records import Claim
from domain.requests import HsmRequest
from local.azure.control.models import NewFault, NewHold
from local.azure.core.faults import Answer
from local.policy import TEAM_A
from local.portal import Portal
from local.stack import Stack, register_application
from tests import stored
from tests.custodians import ADMINISTRATOR, Custodian, request_for
from tests.test_idempotency import await_instance

OTHER_ADMINISTRATOR = "33333333-3333-3333-3333-333333333333"


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
def engine(stack: Stack) -> Iterator[TaskHubGrpcClient]:
    with TaskHubGrpcClient(host_address=stack.host.durable_address) as client:
        yield client


def provision(portal: Portal, name: str, body: dict[str, Any]) -> dict[str, Any]:
    response = portal.put_hsm(name, body)
    assert response.status_code == 202, response.text
    return portal.follow(response.json()["id"])


def make(stack: Stack, client: KeyVaultManagementClient, group: str, name: str) -> None:
    """Make an HSM that is not ours, in a resource group that is there."""
    hsm = arm.ManagedHsm(
        location="norwayeast",
        sku=arm.ManagedHsmSku(family="B", name="Standard_B1"),
        properties=arm.ManagedHsmProperties(
            tenant_id=stack.azure.endpoints.tenant_id,
            initial_admin_object_ids=[ADMINISTRATOR],
            soft_delete_retention_in_days=7,
        ),
    )
    client.managed_hsms.begin_create_or_update(group, name, hsm).result()


def end_instance(engine: TaskHubGrpcClient, name: str, *, purge: bool) -> None:
    engine.terminate_orchestration(f"hsm-{name}")
    engine.wait_for_orchestration_completion(f"hsm-{name}", timeout=10)
    if purge:
        engine.purge_orchestration(f"hsm-{name}")


@pytest.mark.parametrize("purge", [False, True], ids=["terminated", "purged"])
def test_an_operation_whose_instance_is_gone_is_followed_by_another_that_counts_no_dead_bytes(
    purge: bool,
    stack: Stack,
    portal: Portal,
    engine: TaskHubGrpcClient,
    hsm_name: str,
    custodians: list[Custodian],
) -> None:
    stack.control.queue_export_outcomes("Failed")
    body = request_for(stack, custodians)
    verifying = stack.control.hold(
        NewHold(service="blob_storage", method="PUT", path="/2/confirmation.json", phase="before")
    )
    first = portal.put_hsm(hsm_name, body).json()["id"]
    assert stack.control.await_hold(verifying, 30)
    end_instance(engine, hsm_name, purge=purge)
    stack.control.release(verifying, drop=True)
    assert portal.operation(first)["error"]["code"] == "operation_interrupted"
    operation = provision(portal, hsm_name, body)
    assert operation["id"] != first
    assert operation["status"] == "Succeeded", operation
    assert operation["result"]["securityDomain"]["sha256"] == stack.control.exports(hsm_name)[-1]["sha256"]
    assert portal.operation(first)["status"] == "Failed"


def test_a_request_of_a_dead_operation_that_takes_effect_late_does_not_count(
    stack: Stack, portal: Portal, engine: TaskHubGrpcClient, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    late = stack.control.hold(
        NewHold(service="managed_hsm", method="POST", path="/securitydomain/download", phase="before", skip=1)
    )
    portal.put_hsm(hsm_name, body)
    assert stack.control.await_hold(late, 30)
    end_instance(engine, hsm_name, purge=False)
    stack.control.change_timing(0.6, 3)
    receipt = stack.control.hold(NewHold(service="blob_storage", method="PUT", path="/1/receipt.json", phase="before"))
    second = portal.put_hsm(hsm_name, body).json()["id"]
    assert stack.control.await_hold(receipt, 30)
    stack.control.release(late)
    deadline = time.monotonic() + 10
    while len(stack.control.exports(hsm_name)) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    stack.control.release(receipt)
    operation = portal.follow(second)
    assert operation["status"] == "Succeeded", operation
    assert [item["outcome"] for item in operation["downloads"]] == ["Ambiguous", "Confirmed"]
    assert operation["result"]["securityDomain"]["sha256"] == stack.control.exports(hsm_name)[-1]["sha256"]


def test_another_hsm_of_the_same_name_is_not_taken_for_ours(
    stack: Stack, portal: Portal, somebody: KeyVaultManagementClient, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    provision(portal, hsm_name, body)
    hsms = somebody.managed_hsms
    hsms.begin_delete("rg-hsm", hsm_name).result()
    hsms.begin_purge_deleted(hsm_name, "norwayeast").result()
    make(stack, somebody, "rg-hsm", hsm_name)
    refused = portal.put_hsm(hsm_name, body)
    assert (refused.status_code, refused.json()["code"]) == (409, "hsm_exists")
    shown = portal.send("GET", f"hsms/{hsm_name}").json()
    assert shown["state"] == "NotFound"
    assert "securityDomain" not in shown
    assert stack.control.exports(hsm_name) == []


def test_the_receipt_of_an_hsm_that_is_gone_is_kept_until_another_can_be_made(
    stack: Stack, portal: Portal, somebody: KeyVaultManagementClient, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    provision(portal, hsm_name, body)
    provision(portal, f"{hsm_name}-b", {**body, "resourceGroup": f"rg-of-{hsm_name}"})
    receipt = portal.send("GET", f"hsms/{hsm_name}/security-domain").json()["receipt"]
    hsms = somebody.managed_hsms
    hsms.begin_delete("rg-hsm", hsm_name).result()
    hsms.begin_purge_deleted(hsm_name, "norwayeast").result()
    preflight = stack.control.hold(NewHold(service="blob_storage", method="PUT", path="/plan.json", phase="before"))
    operation_id = portal.put_hsm(hsm_name, body).json()["id"]
    assert stack.control.await_hold(preflight, 30)
    # The name was free when that was checked; now it is somebody's, in another resource group.
    make(stack, somebody, f"rg-of-{hsm_name}", hsm_name)
    stack.control.release(preflight)
    operation = portal.follow(operation_id)
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "hsm_exists")
    assert portal.send("GET", f"hsms/{hsm_name}/security-domain").json()["receipt"] == receipt


def test_a_stored_security_domain_that_is_gone_is_downloaded_again(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    lost = provision(portal, hsm_name, body)["result"]["securityDomain"]
    container, _, path = lost["blobUrl"].removeprefix(f"{stack.azure.endpoints.storage_account_url}/").partition("/")
    stored.service(stack).get_blob_client(container, path).delete_blob()
    found = provision(portal, hsm_name, body)
    assert found["status"] == "Succeeded", found
    assert found["result"]["securityDomain"]["sha256"] != lost["sha256"]
    assert stored.read(stack, found["result"]["securityDomain"]["blobUrl"])
    assert portal.put_hsm(hsm_name, body).status_code == 200


def test_an_administrator_cannot_be_taken_away_unseen(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    stack.control.fail_provisioning(1)
    body = request_for(stack, custodians, administrators=[ADMINISTRATOR, OTHER_ADMINISTRATOR])
    assert provision(portal, hsm_name, body)["status"] == "Failed"
    refused = portal.put_hsm(hsm_name, {**body, "administrators": [ADMINISTRATOR]})
    assert (refused.status_code, refused.json()["code"]) == (409, "hsm_differs")
    assert [error["field"] for error in refused.json()["errors"]] == ["administrators"]
    assert provision(portal, hsm_name, body)["status"] == "Succeeded"


def test_a_tag_that_somebody_adds_keeps_nobody_from_resuming(
    stack: Stack, portal: Portal, somebody: KeyVaultManagementClient, hsm_name: str, custodians: list[Custodian]
) -> None:
    stack.control.fail_provisioning(1)
    body = request_for(stack, custodians)
    assert provision(portal, hsm_name, body)["status"] == "Failed"
    tags = {"owner": "team-a", "costCenter": "42"}
    somebody.managed_hsms.begin_update("rg-hsm", hsm_name, arm.ManagedHsm(tags=tags)).result()
    assert provision(portal, hsm_name, body)["status"] == "Succeeded"
    taken_over = portal.follow(portal.put_hsm(hsm_name, {**body, "tags": tags}).json()["id"])
    assert (taken_over["kind"], taken_over["status"]) == ("update", "Succeeded")


def test_a_custodians_name_decides_nothing(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    first = portal.put_hsm(hsm_name, body).json()["id"]
    body["securityDomain"]["wrappingKeys"][0]["custodian"] = "Ada, Countess of Lovelace"
    assert portal.put_hsm(hsm_name, body).json()["id"] == first
    portal.follow(first)
    assert portal.put_hsm(hsm_name, body).status_code == 200


def test_between_its_record_and_the_end_of_its_claim_an_operation_has_ended(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    stack.control.fail_provisioning(1)
    ending = stack.control.hold(
        NewHold(service="blob_storage", method="PUT", path=f"/claims/{hsm_name}", phase="before", skip=1)
    )
    body = request_for(stack, custodians)
    first = portal.put_hsm(hsm_name, body).json()["id"]
    assert stack.control.await_hold(ending, 30)
    assert portal.operation(first)["status"] == "Failed"
    again = portal.put_hsm(hsm_name, body)
    stack.control.release(ending)
    assert again.status_code in (202, 503), again.text
    second = portal.put_hsm(hsm_name, body).json()["id"]
    assert second != first
    assert portal.follow(second)["status"] == "Succeeded"
    assert portal.operation(first)["status"] == "Failed"


def test_what_was_accepted_and_never_began_is_begun_by_the_same_request_and_gives_way_to_another(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    first = abandon(stack, hsm_name, "01HZZZZZZZZZZZZZZZZZZZZZZZ", body)
    shown = portal.operation(first)
    assert (shown["status"], shown["steps"][0]["status"]) == ("NotStarted", "NotStarted")
    other = {**body, "tags": {"owner": "team-b"}}
    second = provision(portal, hsm_name, other)
    assert (second["status"], portal.operation(first)["status"]) == ("Succeeded", "Failed")
    begun = abandon(stack, f"{hsm_name}-b", "01HZZZZZZZZZZZZZZZZZZZZZZZ", body)
    assert portal.put_hsm(f"{hsm_name}-b", body).json()["id"] == begun
    assert portal.follow(begun)["status"] == "Succeeded"


def test_what_begins_after_all_is_not_said_to_have_failed(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    first = abandon(stack, hsm_name, "01HZZZZZZZZZZZZZZZZZZZZZZZ", body)
    hold = stack.control.hold(NewHold(service="blob_storage", method="PUT", path=f"/claims/{hsm_name}", phase="before"))
    recorded = stored.service(stack).get_blob_client("hsm-records", f"operations/{first}")
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(Portal(stack, stack.portal).put_hsm, hsm_name, {**body, "tags": {"owner": "team-b"}})
        assert stack.control.await_hold(hold, 30)
        assert portal.put_hsm(hsm_name, body).json()["id"] == first
        assert not recorded.exists()
        assert portal.operation(first)["status"] != "Failed"
        ended = portal.follow(first)
        # Its claim ends after its record, and right before its instance.
        await_instance(stack, hsm_name)
        stack.control.release(hold)
        changed = late.result()
    assert ended["status"] == "Succeeded", ended
    assert portal.operation(first)["status"] == "Succeeded"
    assert portal.follow(changed.json()["id"])["kind"] == "update"


def test_what_gave_way_is_known_though_its_record_could_not_be_written(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    first = abandon(stack, hsm_name, "01HZZZZZZZZZZZZZZZZZZZZZZZ", body)
    other = {**body, "tags": {"owner": "team-b"}}
    silent = NewFault(
        service="blob_storage",
        method="PUT",
        path=f"/hsm-records/operations/{first}",
        count=1000,
        effect=Answer(status=503),
    )
    fault = stack.control.inject_fault(silent)
    refused = portal.put_hsm(hsm_name, other)
    assert refused.status_code == 503, refused.text
    recorded = stored.service(stack).get_blob_client("hsm-records", f"operations/{first}")
    assert not recorded.exists()
    shown = portal.operation(first)
    assert (shown["status"], shown["error"]["code"]) == ("Failed", "operation_interrupted")
    stack.control.remove_fault(fault)
    second = provision(portal, hsm_name, other)
    assert second["status"] == "Succeeded"
    assert recorded.exists()
    assert portal.operation(first) == shown


def abandon(stack: Stack, name: str, ulid: str, body: dict[str, Any]) -> str:
    """Leave what a worker leaves that dies between its claim and its start."""
    request = HsmRequest.model_validate(body)
    claim = Claim(
        hsm=name,
        operation_id=f"{name}-{ulid}",
        team="team-a",
        requester=Principal(
            tenant_id=stack.azure.endpoints.tenant_id, object_id=stack.portal.object_id, kind="application"
        ),
        grant_ids=[TEAM_A],
        request=request,
        digest=request.digest(),
        claimed_at=datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=2),
    )
    stored.service(stack).get_blob_client("hsm-records", f"claims/{name}").upload_blob(claim.to_json().encode())
    return claim.operation_id


def test_an_hsm_that_is_deleted_while_it_is_made_is_not_waited_for(
    stack: Stack, portal: Portal, somebody: KeyVaultManagementClient, hsm_name: str, custodians: list[Custodian]
) -> None:
    stack.control.change_timing(0, 60)
    operation_id = portal.put_hsm(hsm_name, request_for(stack, custodians)).json()["id"]
    await_step(portal, operation_id, "await_activation")
    assert portal.operation(operation_id)["status"] == "Running"
    somebody.managed_hsms.begin_delete("rg-hsm", hsm_name).result()
    operation = portal.follow(operation_id)
    assert operation["status"] == "Failed"
    assert operation["error"]["code"] == "hsm_gone", operation["error"]


def await_step(portal: Portal, operation_id: str, name: str) -> None:
    deadline = time.monotonic() + 30
    steps: dict[str, str] = {}
    while steps.get(name) != "Running":
        assert time.monotonic() < deadline, steps
        time.sleep(0.1)
        steps = {step["name"]: step["status"] for step in portal.operation(operation_id)["steps"]}


def test_a_vault_that_refuses_names_the_wrapping_key(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    certificate = stack.control.plant_certificate("custodians", hsm_name, custodians[1].pem)
    stack.control.inject_fault(
        NewFault(service="key_vault", method="GET", path=f"/certificates/{hsm_name}", effect=Answer(status=400))
    )
    body = request_for(stack, custodians)
    body["securityDomain"]["wrappingKeys"][1] = {"certificateId": certificate}
    operation = provision(portal, hsm_name, body)
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "azure_refused")
    assert [error["field"] for error in operation["error"]["errors"]] == ["securityDomain.wrappingKeys[1]"]


@pytest.mark.parametrize("path", ["operations/{operation}", "hsms/{name}"])
def test_requesters_see_what_is_theirs_and_readers_see_all(
    path: str,
    stack: Stack,
    portal: Portal,
    other_portal: Portal,
    hsm_name: str,
    custodians: list[Custodian],
) -> None:
    operation = portal.put_hsm(hsm_name, request_for(stack, custodians)).json()
    target = path.format(operation=operation["id"], name=hsm_name)
    reader = Portal(stack, register_application(stack.control, "a reader", ["Hsm.Read"], groups=[TEAM_A]))
    seen = [who.send("GET", target).status_code for who in (portal, other_portal, reader)]
    assert seen == [200, 404, 200]
    portal.follow(operation["id"])


def test_an_unregistered_subscription_is_refused_and_stays_unregistered(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    stack.control.change_registration(registered=False)
    try:
        refused = portal.put_hsm(hsm_name, request_for(stack, custodians))
        assert (refused.status_code, refused.json()["code"]) == (400, "provider_not_registered")
        assert refused.json()["errors"][0]["field"] == "subscriptionId"
        posted = [entry["path"] for entry in stack.control.journal("resource_manager") if entry["method"] == "POST"]
        assert not [path for path in posted if path.endswith("/register")]
    finally:
        stack.control.change_registration(registered=True)


def test_stored_bytes_that_somebody_changed_are_never_confirmed(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    verifying = stack.control.hold(
        NewHold(service="blob_storage", method="GET", path="/1/security-domain.json", phase="before", skip=1)
    )
    body = request_for(stack, custodians)
    operation_id = portal.put_hsm(hsm_name, body).json()["id"]
    assert stack.control.await_hold(verifying, 30)
    container, path = "security-domains", f"{hsm_name}/{operation_id}/1/security-domain.json"
    blob = stored.service(stack).get_blob_client(container, path)
    blob.upload_blob(blob.download_blob().readall()[:-1] + b" ", overwrite=True)
    stack.control.release(verifying)
    failed = portal.follow(operation_id)
    assert (failed["status"], failed["error"]["code"]) == ("Failed", "security_domain_invalid")
    again = provision(portal, hsm_name, body)
    assert again["status"] == "Succeeded", again
    assert again["result"]["securityDomain"]["sha256"] == stack.control.exports(hsm_name)[-1]["sha256"]
