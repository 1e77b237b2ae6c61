"""The end of an HSM: deleted, and purged where that was asked, allowed and approved."""

import os
import signal
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
import requests
from azure.mgmt.keyvault import KeyVaultManagementClient, models

from clients import archive
from domain.decommissioning import Decommissioned
from domain.steps import STEPS
from local.azure.control.models import NewFault, NewHold
from local.azure.core.faults import Answer
from local.portal import Portal
from local.stack import Stack
from tests.custodians import Custodian, request_for
from tests.in_process import signed_in_as_the_app
from tests.kills import await_worker
from tests.people import Person, await_step
from tests.test_update import provision, shown, somebody

__all__ = ["somebody"]

ULID: Final = "01M865B00Y7ESBKJG8B3PHY3ZA"
PERSON: Final = "00000000-0000-4000-8000-0000000a0041"
OPTIONAL_STEPS: Final = (
    *("remove_regions", "await_regions_removed", "unlock_hsm", "delete_alerts"),
    *("delete_private_endpoints", "await_private_endpoints_deleted"),
)
BACKUP_STEPS: Final = ("attach_backup_identity", "await_backup_identity", "back_up", "await_backed_up")


@pytest.fixture(scope="module")
def approver(stack: Stack) -> Person:
    return Person(stack, 42, ["Hsm.Approve"])


def ephemeral(stack: Stack, custodians: list[Custodian], **changes: Any) -> dict[str, Any]:
    expires = (datetime.now(UTC) + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return request_for(stack, custodians, environment="ephemeral", expiresAt=expires, **changes)


def delete(portal: Portal, name: str, **query: str) -> requests.Response:
    return portal.send("DELETE", f"hsms/{name}", params=query)


def approve(portal: Portal, approver: Person, operation_id: str) -> dict[str, Any]:
    waiting = await_step(portal, operation_id, "await_approval")
    assert approver.decide(waiting, "approve").status_code == 200
    return portal.follow(operation_id)


def states(operation: dict[str, Any]) -> dict[str, str]:
    return {step["name"]: step["status"] for step in operation["steps"]}


def test_a_deleted_hsm_is_kept_and_billed_and_what_is_stored_of_it_stays(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    provision(stack, portal, hsm_name, request_for(stack, custodians))
    response = delete(portal, hsm_name)
    assert response.status_code == 202, response.text
    again = delete(portal, hsm_name)
    assert again.json()["id"] == response.json()["id"]
    operation = portal.follow(response.json()["id"])
    assert operation["status"] == "Succeeded", operation.get("error")
    assert (operation["kind"], tuple(states(operation))) == ("decommission", STEPS["decommission"])
    assert {states(operation)[name] for name in ("purge_hsm", "await_purged", "delete_resource_group")} == {"Skipped"}
    assert {states(operation)[name] for name in BACKUP_STEPS} == {"Skipped"}
    assert (operation["plan"]["deletion"]["wasActive"], operation["plan"]["deletion"]["purges"]) == (True, False)
    hsm = shown(portal, hsm_name)
    ended = hsm["decommissioned"]
    assert (hsm["state"], hsm["monthlyCostUsd"]) == ("SoftDeleted", 2500.0)
    assert ended["keptUntil"] > ended["deletedAt"]
    assert "purgedAt" not in ended
    done = delete(portal, hsm_name)
    assert (done.status_code, done.json()["state"]) == (200, "SoftDeleted")
    with signed_in_as_the_app(stack):
        record = archive.find_hsm_record(hsm_name)
        assert record is not None
        assert record.security_domain is not None
        assert archive.is_kept(record.security_domain)
    listed = portal.send("GET", "hsms", params={"state": "SoftDeleted"}).json()["value"]
    assert hsm_name in [item["name"] for item in listed]
    refused = portal.put_hsm(hsm_name, request_for(stack, custodians))
    assert (refused.status_code, refused.json()["code"]) == (409, "hsm_soft_deleted")


def test_a_purge_of_what_was_active_waits_for_approval_and_ends_the_cost(
    stack: Stack, portal: Portal, approver: Person, hsm_name: str, custodians: list[Custodian]
) -> None:
    provision(stack, portal, hsm_name, ephemeral(stack, custodians, resourceGroup=f"rg-{hsm_name}"))
    nobody = delete(portal, hsm_name, purge="true")
    assert (nobody.status_code, nobody.json()["code"]) == (400, "requested_by_missing")
    response = delete(portal, hsm_name, purge="true", requestedBy=PERSON)
    waiting = await_step(portal, response.json()["id"], "await_approval")
    assert [reason for reason in waiting["approval"]["reasons"] if "was active" in reason]
    usage = waiting["plan"]["deletion"]["usage"]
    assert usage["until"] > usage["since"]
    assert shown(portal, hsm_name)["state"] == "Active"
    operation = approve(portal, approver, response.json()["id"])
    assert operation["status"] == "Succeeded", operation.get("error")
    skipped = {name for name, state in states(operation).items() if state != "Succeeded"}
    assert skipped == {*BACKUP_STEPS, *OPTIONAL_STEPS}
    hsm = shown(portal, hsm_name)
    assert (hsm["state"], hsm.get("monthlyCostUsd")) == ("Purged", None)
    assert operation["result"]["decommissioned"]["purgedAt"]
    # It is free again, and what comes to have it is another HSM.
    assert portal.put_hsm(hsm_name, ephemeral(stack, custodians)).status_code == 202


def test_a_deleted_hsm_is_purged_by_a_second_request(
    stack: Stack, portal: Portal, approver: Person, hsm_name: str, custodians: list[Custodian]
) -> None:
    provision(stack, portal, hsm_name, ephemeral(stack, custodians))
    assert portal.follow(delete(portal, hsm_name).json()["id"])["status"] == "Succeeded"
    response = delete(portal, hsm_name, purge="true", requestedBy=PERSON)
    operation = approve(portal, approver, response.json()["id"])
    assert operation["status"] == "Succeeded", operation.get("error")
    assert operation["plan"]["deletion"]["deletes"] is False
    assert shown(portal, hsm_name)["state"] == "Purged"


def test_nothing_is_purged_where_the_policy_or_purge_protection_says_no(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    provision(stack, portal, hsm_name, request_for(stack, custodians))
    refused = delete(portal, hsm_name, purge="true", requestedBy=PERSON)
    assert (refused.status_code, refused.json()["code"]) == (403, "purge_not_allowed")
    protected = f"{hsm_name}-p"
    provision(stack, portal, protected, ephemeral(stack, custodians, purgeProtection=True))
    kept = delete(portal, protected, purge="true", requestedBy=PERSON)
    assert (kept.status_code, kept.json()["code"]) == (409, "purge_protected")
    assert {shown(portal, name)["state"] for name in (hsm_name, protected)} == {"Active"}


def test_another_teams_hsm_does_not_exist(
    stack: Stack, portal: Portal, other_portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    provision(stack, portal, hsm_name, request_for(stack, custodians))
    assert delete(other_portal, hsm_name).json()["code"] == "hsm_not_found"
    assert delete(portal, f"{hsm_name}-x").json()["code"] == "hsm_not_found"


def test_a_refused_deletion_leaves_the_hsm_and_its_record_as_they_were(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    provision(stack, portal, hsm_name, request_for(stack, custodians))
    fault = NewFault(
        service="resource_manager",
        method="DELETE",
        path=f"/managedHSMs/{hsm_name}",
        count=1,
        effect=Answer(status=400),
    )
    stack.control.inject_fault(fault)
    operation = portal.follow(delete(portal, hsm_name).json()["id"])
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "azure_refused")
    assert "as before" in operation["exists"]["resume"]
    hsm = shown(portal, hsm_name)
    assert (hsm["state"], hsm.get("decommissioned")) == ("Active", None)
    assert portal.follow(delete(portal, hsm_name).json()["id"])["status"] == "Succeeded"


def test_a_cancel_before_azure_is_asked_keeps_the_hsm(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    provision(stack, portal, hsm_name, ephemeral(stack, custodians))
    response = delete(portal, hsm_name, purge="true", requestedBy=PERSON)
    await_step(portal, response.json()["id"], "await_approval")
    assert portal.send("POST", f"operations/{response.json()['id']}/cancel").status_code == 202
    assert portal.follow(response.json()["id"])["status"] == "Canceled"
    assert shown(portal, hsm_name)["state"] == "Active"


def test_the_worker_dies_while_azure_deletes(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    provision(stack, portal, hsm_name, request_for(stack, custodians))
    hold = stack.control.hold(
        NewHold(service="resource_manager", method="DELETE", path=f"/managedHSMs/{hsm_name}", phase="after")
    )
    operation_id = delete(portal, hsm_name).json()["id"]
    assert stack.control.await_hold(hold, 30)
    late = portal.send("POST", f"operations/{operation_id}/cancel")
    assert late.json()["code"] == "cancel_too_late"
    os.kill(stack.host.worker_process_id(), signal.SIGKILL)
    stack.control.release(hold)
    await_worker(stack)
    operation = portal.follow(operation_id)
    assert operation["status"] == "Succeeded", operation.get("error")
    assert shown(portal, hsm_name)["state"] == "SoftDeleted"


def test_a_purge_that_gets_lost_is_asked_for_again_and_one_whose_answer_never_ends_ends(
    stack: Stack, portal: Portal, approver: Person, hsm_name: str, custodians: list[Custodian]
) -> None:
    provision(stack, portal, hsm_name, ephemeral(stack, custodians))
    stack.control.change_resource_manager(lost_purges=1, never_ending=["purge"])
    operation_id = delete(portal, hsm_name, purge="true", requestedBy=PERSON).json()["id"]
    waiting = await_step(portal, operation_id, "await_approval")
    assert approver.decide(waiting, "approve").status_code == 200
    await_step(portal, operation_id, "await_purged")
    with signed_in_as_the_app(stack):
        let_time_pass(hsm_name)
    operation = portal.follow(operation_id)
    stack.control.change_resource_manager(lost_purges=0, never_ending=[])
    assert operation["status"] == "Succeeded", operation.get("error")
    assert operation["result"]["decommissioned"]["purgeRequests"] == 2
    assert shown(portal, hsm_name)["state"] == "Purged"


def let_time_pass(name: str) -> None:
    """Have it be long ago that the purge was asked for: nobody waits a minute for a test."""
    record = archive.find_hsm_record(name)
    assert record is not None
    assert record.decommissioned is not None
    assert record.decommissioned.purge_asked_at is not None
    earlier = record.decommissioned.purge_asked_at - timedelta(minutes=2)
    ended = record.decommissioned.model_copy(update={"purge_asked_at": earlier})
    archive.write_hsm_record(record.model_copy(update={"decommissioned": ended}))


def test_a_lock_is_respected_and_named(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    group = f"rg-{hsm_name}"
    provision(stack, portal, hsm_name, request_for(stack, custodians, resourceGroup=group))
    scope = f"/subscriptions/{stack.azure.endpoints.subscription_id}/resourceGroups/{group}"
    stack.control.create_lock(scope, "keep-it")
    refused = delete(portal, hsm_name)
    assert (refused.status_code, refused.json()["code"]) == (409, "hsm_locked")
    assert "keep-it" in refused.json()["detail"]
    stack.control.remove_lock(scope, "keep-it")
    assert portal.follow(delete(portal, hsm_name).json()["id"])["status"] == "Succeeded"


def test_what_is_on_hold_is_neither_deleted_nor_purged(
    stack: Stack, portal: Portal, other_portal: Portal, approver: Person, hsm_name: str, custodians: list[Custodian]
) -> None:
    provision(stack, portal, hsm_name, ephemeral(stack, custodians))
    path = f"hsms/{hsm_name}/hold"
    assert other_portal.send("PUT", path, json={"reason": "mine"}).json()["code"] == "hsm_not_found"
    assert portal.send("PUT", path, json={"reason": ""}).json()["code"] == "invalid_field"
    held = portal.send("PUT", path, json={"reason": "Audited until March."})
    assert (held.status_code, held.json()["hold"]["reason"]) == (200, "Audited until March."), held.text
    assert portal.send("PUT", path, json={"reason": "Audited until March."}).json()["hold"] == held.json()["hold"]
    refused = delete(portal, hsm_name)
    assert (refused.status_code, refused.json()["code"]) == (409, "hsm_held")
    assert "hold" not in portal.send("DELETE", path).json()
    # Put on hold while its purge waits for approval, it is kept in spite of that.
    operation_id = delete(portal, hsm_name, purge="true", requestedBy=PERSON).json()["id"]
    await_step(portal, operation_id, "await_approval")
    assert Person(stack, 43, ["Hsm.Operate"], groups=[]).send("PUT", path, json={"reason": "No!"}).status_code == 200
    operation = approve(portal, approver, operation_id)
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "hsm_held")
    assert (shown(portal, hsm_name)["state"], shown(portal, hsm_name)["hold"]["reason"]) == ("Active", "No!")
    auditor = Person(stack, 44, ["Hsm.Audit"], groups=[])
    told = auditor.send("GET", "audit", params={"hsm": hsm_name, "kind": "hold"}).json()["value"]
    words = ["asked_held", "held", "asked_lifted", "lifted", "asked_held", "held"]
    assert sorted(record["outcome"] for record in told) == sorted(words)


def test_a_hold_that_comes_while_azure_deletes_says_so_and_keeps_it_from_being_purged(
    stack: Stack, portal: Portal, approver: Person, hsm_name: str, custodians: list[Custodian]
) -> None:
    provision(stack, portal, hsm_name, ephemeral(stack, custodians))
    hold = stack.control.hold(
        NewHold(service="resource_manager", method="DELETE", path=f"/managedHSMs/{hsm_name}", phase="before")
    )
    operation_id = delete(portal, hsm_name, purge="true", requestedBy=PERSON).json()["id"]
    waiting = await_step(portal, operation_id, "await_approval")
    assert approver.decide(waiting, "approve").status_code == 200
    assert stack.control.await_hold(hold, 30)
    late = portal.send("PUT", f"hsms/{hsm_name}/hold", json={"reason": "No!"})
    assert (late.status_code, late.json()["code"]) == (409, "hold_too_late")
    stack.control.release(hold)
    operation = portal.follow(operation_id)
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "hsm_held")
    assert shown(portal, hsm_name)["state"] == "SoftDeleted"


def test_what_somebody_else_deleted_is_not_purged(
    stack: Stack, portal: Portal, somebody: KeyVaultManagementClient, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = ephemeral(stack, custodians)
    provision(stack, portal, hsm_name, body)
    somebody.managed_hsms.begin_delete("rg-hsm", hsm_name).result()
    refused = delete(portal, hsm_name, purge="true", requestedBy=PERSON)
    assert (refused.status_code, refused.json()["code"]) == (404, "hsm_not_found")
    assert shown(portal, hsm_name)["state"] == "NotFound"


def test_what_is_recovered_by_hand_is_there_again_and_can_be_deleted_again(
    stack: Stack, portal: Portal, somebody: KeyVaultManagementClient, hsm_name: str, custodians: list[Custodian]
) -> None:
    provision(stack, portal, hsm_name, request_for(stack, custodians))
    assert portal.follow(delete(portal, hsm_name).json()["id"])["status"] == "Succeeded"
    first = shown(portal, hsm_name)["decommissioned"]
    recover_by_hand(stack, somebody, hsm_name)
    assert shown(portal, hsm_name)["state"] == "Active"
    assert portal.follow(delete(portal, hsm_name).json()["id"])["status"] == "Succeeded"
    assert shown(portal, hsm_name)["decommissioned"]["operationId"] != first["operationId"]


def recover_by_hand(stack: Stack, somebody: KeyVaultManagementClient, name: str) -> None:
    properties = models.ManagedHsmProperties(create_mode="recover", tenant_id=stack.azure.endpoints.tenant_id)
    sku = models.ManagedHsmSku(family="B", name="Standard_B1")
    recovered = models.ManagedHsm(location="norwayeast", sku=sku, properties=properties)
    somebody.managed_hsms.begin_create_or_update("rg-hsm", name, recovered).result()


def test_what_is_recovered_by_hand_before_its_purge_is_approved_is_not_called_purged(
    stack: Stack,
    portal: Portal,
    approver: Person,
    somebody: KeyVaultManagementClient,
    hsm_name: str,
    custodians: list[Custodian],
) -> None:
    provision(stack, portal, hsm_name, ephemeral(stack, custodians))
    assert portal.follow(delete(portal, hsm_name).json()["id"])["status"] == "Succeeded"
    operation_id = delete(portal, hsm_name, purge="true", requestedBy=PERSON).json()["id"]
    await_step(portal, operation_id, "await_approval")
    recover_by_hand(stack, somebody, hsm_name)
    operation = approve(portal, approver, operation_id)
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "hsm_lives_again")
    hsm = shown(portal, hsm_name)
    assert (hsm["state"], hsm["monthlyCostUsd"]) == ("Active", 2500.0)


def test_while_azure_shows_the_hsm_nowhere_it_is_waited_for(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    provision(stack, portal, hsm_name, request_for(stack, custodians))
    hold = stack.control.hold(
        NewHold(service="resource_manager", method="DELETE", path=f"/managedHSMs/{hsm_name}", phase="after")
    )
    operation_id = delete(portal, hsm_name).json()["id"]
    assert stack.control.await_hold(hold, 30)
    hidden = [
        stack.control.inject_fault(
            NewFault(service="resource_manager", method="GET", path=path, count=1000, effect=Answer(status=404))
        )
        for path in (f"/managedHSMs/{hsm_name}", f"/deletedManagedHSMs/{hsm_name}")
    ]
    with signed_in_as_the_app(stack):
        stack.control.release(hold)
        await_missing(hsm_name)
    for fault in hidden:
        stack.control.remove_fault(fault)
    operation = portal.follow(operation_id)
    assert operation["status"] == "Succeeded", operation.get("error")
    assert shown(portal, hsm_name)["state"] == "SoftDeleted"


def await_missing(name: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        record = archive.find_hsm_record(name)
        assert record is not None
        if record.decommissioned is not None and record.decommissioned.missing_since is not None:
            return
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_deletion_that_was_only_asked_for_does_not_make_anothers_ours(
    stack: Stack,
    portal: Portal,
    approver: Person,
    somebody: KeyVaultManagementClient,
    hsm_name: str,
    custodians: list[Custodian],
) -> None:
    provision(stack, portal, hsm_name, ephemeral(stack, custodians))
    with signed_in_as_the_app(stack):
        record = archive.find_hsm_record(hsm_name)
        assert record is not None
        # As an operation leaves it whose DELETE never arrived, and that was ended then.
        asked_at = datetime.now(UTC) - timedelta(days=20)
        ended = Decommissioned(operation_id=f"{hsm_name}-{ULID}", asked_at=asked_at, was_active=True)
        archive.write_hsm_record(record.model_copy(update={"decommissioned": ended}))
    somebody.managed_hsms.begin_delete("rg-hsm", hsm_name).result()
    response = delete(portal, hsm_name, purge="true", requestedBy=PERSON)
    operation = approve(portal, approver, response.json()["id"])
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "hsm_not_deleted")
    deleted = [hsm.name for hsm in somebody.managed_hsms.list_deleted()]
    assert hsm_name in deleted
