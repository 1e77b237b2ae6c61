"""Whose a name is that no HSM has: nobody's where none was ever made, its last team's until operators release it."""

from typing import Any

from local.azure.control.models import NewHold
from local.portal import Portal
from local.stack import Stack
from tests import stored
from tests.custodians import Custodian, request_for
from tests.test_provision import provision


def find_listed(portal: Portal, name: str) -> list[dict[str, Any]]:
    fleet = portal.send("GET", "hsms", params={"maxpagesize": "200"}).json()["value"]
    return [hsm for hsm in fleet if hsm["name"] == name]


def test_an_hsm_that_was_never_made_is_listed_with_its_error_and_leaves_its_name_to_anybody(
    stack: Stack, portal: Portal, other_portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    planning = stack.control.hold(
        NewHold(service="blob_storage", method="PUT", path=f"/{hsm_name}/.*/plan.json", phase="before")
    )
    operation_id = portal.put_hsm(hsm_name, body).json()["id"]
    assert stack.control.await_hold(planning, 30)
    assert other_portal.put_hsm(hsm_name, body).json()["code"] == "hsm_exists"
    assert portal.send("POST", f"operations/{operation_id}/cancel").status_code == 202
    stack.control.release(planning)
    assert portal.follow(operation_id)["status"] == "Canceled"
    (listed,) = find_listed(portal, hsm_name)
    assert (listed["state"], listed["lastOperation"]["status"]) == ("NotCreated", "Canceled")
    assert "monthlyCostUsd" not in listed
    assert provision(other_portal, hsm_name, body)["status"] == "Succeeded"
    assert find_listed(portal, hsm_name) == []
    assert portal.operation(operation_id)["status"] == "Canceled"


def test_the_name_of_a_purged_hsm_is_its_teams_until_its_record_is_deleted(
    stack: Stack, portal: Portal, other_portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    made = provision(portal, hsm_name, body)
    assert made["status"] == "Succeeded"
    stack.control.forget_hsm(hsm_name)
    (listed,) = find_listed(portal, hsm_name)
    assert listed["state"] == "NotFound"
    assert other_portal.put_hsm(hsm_name, body).json()["code"] == "hsm_exists"
    kept = stored.paths(stack, hsm_name)
    for path in (f"hsms/{hsm_name}", f"verifications/{hsm_name}", f"claims/{hsm_name}"):
        stored.service(stack).get_blob_client("hsm-records", path).delete_blob()
    assert find_listed(portal, hsm_name) == []
    assert portal.operation(made["id"])["status"] == "Succeeded"
    other = provision(other_portal, hsm_name, body)
    assert other["status"] == "Succeeded"
    # What the archive has of the HSM before it stays, and is not shown to the other team.
    assert set(kept) < set(stored.paths(stack, hsm_name))
    domain = other_portal.send("GET", f"hsms/{hsm_name}/security-domain").json()
    assert {download["operationId"] for download in domain["downloads"]} == {other["id"]}
