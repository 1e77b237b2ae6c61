"""A deleted HSM is brought back as it was, by whoever may, as long as it is not purged."""

from datetime import timedelta
from typing import Any

import pytest
import requests
from azure.keyvault.keys.crypto import CryptographyClient
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.resource.resources import ResourceManagementClient

from clients import archive
from domain.decommissioning import Decommissioned
from domain.records import HsmRecord
from domain.steps import STEPS
from local.azure.control.models import NewFault
from local.azure.core.faults import Answer
from local.portal import Portal
from local.stack import Stack
from tests.custodians import Custodian, request_for
from tests.in_process import signed_in_as_the_app
from tests.kills import Moment, Phase, hold, kill
from tests.people import Person
from tests.test_decommission import PERSON, approve, delete, ephemeral, states
from tests.test_restore import ALGORITHM, using_keys
from tests.test_update import provision, shown, somebody

__all__ = ["somebody"]


@pytest.fixture(scope="module")
def approver(stack: Stack) -> Person:
    return Person(stack, 43, ["Hsm.Approve"])


def recover(portal: Portal, name: str, **body: Any) -> requests.Response:
    return portal.send("POST", f"hsms/{name}/recover", json=body)


def finish(portal: Portal, response: requests.Response) -> dict[str, Any]:
    assert response.status_code == 202, response.text
    operation = portal.follow(response.json()["id"])
    assert operation["status"] == "Succeeded", operation.get("error")
    return operation


def code(response: requests.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def change_record(stack: Stack, name: str, **changes: Any) -> HsmRecord:
    """Have our record say something else."""
    with signed_in_as_the_app(stack):
        record = archive.find_hsm_record(name)
        assert record is not None
        archive.write_hsm_record(record.model_copy(update=changes))
    return record


def ended_of(record: HsmRecord) -> Decommissioned:
    assert record.decommissioned is not None
    return record.decommissioned


def test_what_is_recovered_is_as_it_was(
    stack: Stack, portal: Portal, other_portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians, administrators=[stack.portal.object_id])
    provision(stack, portal, hsm_name, body)
    before = shown(portal, hsm_name)
    with using_keys(stack, hsm_name) as (keys, credential):
        key = keys.create_rsa_key("k1", size=2048)
        sealed = CryptographyClient(key, credential).encrypt(ALGORITHM, b"still there").ciphertext
    there = recover(portal, hsm_name)
    assert (there.status_code, there.json()["state"]) == (200, "Active")
    finish(portal, delete(portal, hsm_name))
    refused = portal.put_hsm(hsm_name, body)
    assert code(refused) == (409, "hsm_soft_deleted")
    assert f"POST /api/hsms/{hsm_name}/recover" in refused.json()["advice"]
    assert code(recover(other_portal, hsm_name)) == (404, "hsm_not_found")
    response = recover(portal, hsm_name)
    assert recover(portal, hsm_name).json()["id"] == response.json()["id"]
    operation = finish(portal, response)
    assert (operation["kind"], tuple(states(operation))) == ("recover", STEPS["recover"])
    assert [warning["code"] for warning in operation["warnings"]] == ["private_endpoints_gone"]
    assert operation["plan"]["recovery"]["keptUntil"] > operation["plan"]["recovery"]["deletedAt"]
    after = shown(portal, hsm_name)
    changing = ("lastOperation", "verifiedAt", "quorumHealth")
    assert {**after, **{name: before[name] for name in changing}} == before
    with stack.portal_credential() as credential:
        assert CryptographyClient(key, credential).decrypt(ALGORITHM, sealed).plaintext == b"still there"
    assert portal.put_hsm(hsm_name, body).status_code == 200
    assert recover(portal, hsm_name).status_code == 200


def test_in_production_it_needs_approval(
    stack: Stack, portal: Portal, approver: Person, hsm_name: str, custodians: list[Custodian]
) -> None:
    network = {"defaultAction": "Deny", "ipRules": ["127.0.0.1/32"]}
    body = request_for(stack, custodians, environment="production", purgeProtection=True, network=network)
    provision(stack, portal, hsm_name, body)
    approve(portal, approver, delete(portal, hsm_name, requestedBy=PERSON).json()["id"])
    assert code(recover(portal, hsm_name)) == (400, "requested_by_missing")
    operation = approve(portal, approver, recover(portal, hsm_name, requestedBy=PERSON).json()["id"])
    assert (operation["status"], shown(portal, hsm_name)["state"]) == ("Succeeded", "Active")


def test_what_is_purged_or_about_to_be_does_not_come_back(
    stack: Stack, portal: Portal, approver: Person, hsm_name: str, custodians: list[Custodian]
) -> None:
    provision(stack, portal, hsm_name, ephemeral(stack, custodians))
    finish(portal, delete(portal, hsm_name))
    with signed_in_as_the_app(stack):
        asked = change_record(stack, hsm_name)
    purging = ended_of(asked).model_copy(update={"purge_asked_at": ended_of(asked).asked_at, "purge_requests": 9})
    change_record(stack, hsm_name, decommissioned=purging)
    assert code(recover(portal, hsm_name)) == (409, "hsm_being_purged")
    lost = purging.model_copy(update={"purge_asked_at": purging.asked_at - timedelta(hours=1)})
    change_record(stack, hsm_name, decommissioned=lost)
    busy = NewFault(
        service="resource_manager",
        method="PUT",
        path=f"/managedHSMs/{hsm_name}$",
        count=1,
        effect=Answer(status=409, code="ConflictError"),
    )
    stack.control.inject_fault(busy)
    operation = portal.follow(recover(portal, hsm_name).json()["id"])
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "hsm_being_purged")
    assert operation["exists"]["hsm"]["state"] == "SoftDeleted"
    purged = approve(portal, approver, delete(portal, hsm_name, purge="true", requestedBy=PERSON).json()["id"])
    assert purged["status"] == "Succeeded", purged.get("error")
    assert code(recover(portal, hsm_name)) == (409, "hsm_purged")
    change_record(stack, hsm_name, decommissioned=lost)
    assert code(recover(portal, hsm_name)) == (409, "hsm_purged")


def test_what_others_deleted_or_have_is_not_recovered(
    stack: Stack, portal: Portal, somebody: KeyVaultManagementClient, hsm_name: str, custodians: list[Custodian]
) -> None:
    provision(stack, portal, hsm_name, request_for(stack, custodians))
    somebody.managed_hsms.begin_delete("rg-hsm", hsm_name).result()
    assert code(recover(portal, hsm_name)) == (409, "hsm_not_deleted")
    assert code(recover(portal, f"{hsm_name}-x")) == (404, "hsm_not_found")
    now = change_record(stack, hsm_name).created_at
    another = Decommissioned(operation_id="x", asked_at=now, was_active=True, deleted_at=now - timedelta(days=1))
    change_record(stack, hsm_name, decommissioned=another)
    assert code(recover(portal, hsm_name)) == (409, "hsm_not_deleted")


@pytest.mark.parametrize(
    ("moment", "phase"),
    [
        (Moment("recover_hsm", "resource_manager", "PUT", "/managedHSMs/{name}"), "before"),
        (Moment("recover_hsm", "resource_manager", "PUT", "/managedHSMs/{name}"), "after"),
        # The first notes that it is asked for.
        (Moment("await_recovered", "blob_storage", "PUT", "/hsms/{name}", skip=1), "after"),
    ],
)
def test_a_killed_worker_changes_nothing_in_a_recovery_and_a_group_that_is_gone_is_made_again(
    moment: Moment, phase: Phase, stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    group = f"rg-{hsm_name}"
    provision(stack, portal, hsm_name, request_for(stack, custodians, resourceGroup=group))
    finish(portal, delete(portal, hsm_name))
    # Azure may say that it was made by its recovery: what our record says is then another time.
    made_at = change_record(stack, hsm_name).made_at
    assert made_at is not None
    change_record(stack, hsm_name, made_at=made_at - timedelta(days=1))
    with signed_in_as_the_app(stack):
        from clients.arm import resources_of

        groups: ResourceManagementClient = resources_of(stack.azure.endpoints.subscription_id)
        groups.resource_groups.begin_delete(group, polling=False)
    held = hold(stack, moment, phase, hsm_name)
    response = recover(portal, hsm_name)
    assert stack.control.await_hold(held, 30), f"no request of {moment} came"
    kill(stack, {held: phase})
    finish(portal, response)
    assert (shown(portal, hsm_name)["state"], shown(portal, hsm_name).get("decommissioned")) == ("Active", None)
    assert change_record(stack, hsm_name).made_at == made_at
