"""The hand-over sheet is of what was built, and is there as soon as the operation has ended."""

from typing import Any, get_args

import pytest
from durabletask.client import TaskHubGrpcClient

from clients import archive
from clients.handover_record import keep_handover
from local.azure.control.models import NewHold
from local.portal import Portal
from local.stack import Application, Stack, register_application
from tests.custodians import Custodian, request_for
from tests.in_process import signed_in_as_the_app
from tests.kills import Phase, kill
from tests.test_recovery import end_instance


@pytest.fixture(scope="module")
def administrator(stack: Stack) -> Application:
    return register_application(stack.control, "administrator of a sheet's HSM", [])


def part(sheet: dict[str, Any], name: str) -> dict[str, Any]:
    return next(item for item in sheet["parts"] if item["part"] == name)


def test_a_sheet_says_what_was_built_by_whom_and_what_is_to_be_done(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian], administrator: Application
) -> None:
    handover = {"administration": {"giveUp": True, "keepAudit": True}}
    body = request_for(stack, custodians, administrators=[administrator.object_id], handover=handover)
    held = stack.control.hold(NewHold(service="managed_hsm", method="DELETE", path="roleAssignments", phase="before"))
    operation_id = portal.put_hsm(hsm_name, body).json()["id"]
    assert stack.control.await_hold(held, 60)
    early = portal.send("GET", f"hsms/{hsm_name}/handover")
    assert (early.status_code, early.json()["code"]) == (404, "handover_not_found")
    stack.control.release(held)
    operation = portal.follow(operation_id)
    assert operation["status"] == "Succeeded", operation
    assert operation["plan"]["handover"]["administration"]["keepAudit"] is True

    sheet = portal.send("GET", f"hsms/{hsm_name}/handover").json()
    given_up = part(sheet, "administration")
    assert (given_up["state"], given_up["where"]) == ("Built", [administrator.object_id])
    assert (given_up["operationId"], given_up["requester"]["objectId"]) == (operation_id, stack.portal.object_id)
    assert {item["state"] for item in sheet["parts"] if item["part"] != "administration"} == {"NotAsked"}
    assert sheet["securityDomain"] == operation["result"]["securityDomain"]
    assert (sheet["administrators"], sheet["status"]) == ([administrator.object_id], "Succeeded")
    duties = [duty["name"] for duty in sheet["toDo"]]
    assert "end_service" not in duties
    assert {"check_administrators", "keep_wrapping_keys", "test_key", "back_up"} <= set(duties)


def test_a_sheet_says_that_the_service_stays_and_how_to_end_it(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian], administrator: Application
) -> None:
    handover = {"administration": {"giveUp": False}}
    body = request_for(stack, custodians, administrators=[administrator.object_id], handover=handover)
    operation = portal.follow(portal.put_hsm(hsm_name, body).json()["id"])
    assert operation["status"] == "Succeeded", operation
    sheet = portal.send("GET", f"hsms/{hsm_name}/handover").json()
    assert part(sheet, "administration")["state"] == "NotAsked"
    (end,) = (duty for duty in sheet["toDo"] if duty["name"] == "end_service")
    assert end["commands"][0].endswith(sheet["service"])
    hsm = portal.send("GET", f"hsms/{hsm_name}").json()
    assert sheet["service"] in hsm["administrators"]


@pytest.mark.parametrize("phase", get_args(Phase))
@pytest.mark.parametrize("path", ["/built/.*/give_up_administration", "/handover/"])
def test_a_killed_worker_leaves_the_same_sheet(
    path: str,
    phase: Phase,
    stack: Stack,
    portal: Portal,
    hsm_name: str,
    custodians: list[Custodian],
    administrator: Application,
) -> None:
    handover = {"administration": {"giveUp": True, "keepAudit": True}}
    body = request_for(stack, custodians, administrators=[administrator.object_id], handover=handover)
    held = stack.control.hold(NewHold(service="blob_storage", method="PUT", path=path, phase=phase))
    operation_id = portal.put_hsm(hsm_name, body).json()["id"]
    assert stack.control.await_hold(held, 60)
    kill(stack, {held: phase})
    operation = portal.follow(operation_id)
    assert operation["status"] == "Succeeded", operation
    given_up = part(portal.send("GET", f"hsms/{hsm_name}/handover").json(), "administration")
    assert (given_up["state"], given_up["where"]) == ("Built", [administrator.object_id])


def test_a_sheet_says_what_an_operation_built_that_was_ended_from_outside(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian], administrator: Application
) -> None:
    assigned = [{"principalId": administrator.object_id, "role": "Managed HSM Crypto User", "scope": "/keys"}]
    handover = {"localRoleAssignments": assigned, "administration": {"giveUp": True, "keepAudit": True}}
    body = request_for(stack, custodians, administrators=[administrator.object_id], handover=handover)
    giving_up = stack.control.hold(
        NewHold(service="managed_hsm", method="DELETE", path="roleAssignments", phase="before")
    )
    first = portal.put_hsm(hsm_name, body).json()["id"]
    assert stack.control.await_hold(giving_up, 60)
    with TaskHubGrpcClient(host_address=stack.host.durable_address) as engine:
        end_instance(engine, hsm_name, purge=False)
    stack.control.release(giving_up, drop=True)
    begins = stack.control.hold(NewHold(service="blob_storage", method="PUT", path="/plan.json", phase="before"))
    second = portal.put_hsm(hsm_name, body).json()["id"]
    assert stack.control.await_hold(begins, 60)
    sheet = portal.send("GET", f"hsms/{hsm_name}/handover").json()
    stack.control.release(begins)
    assert (sheet["operationId"], sheet["status"]) == (first, "Failed")
    assert sheet["error"]["code"] == "operation_interrupted"
    roles, given_up = part(sheet, "localRoleAssignments"), part(sheet, "administration")
    assert (roles["state"], roles["operationId"], len(roles["where"])) == ("Built", first, 1)
    assert given_up["state"] == "Failed"
    ended = portal.follow(second)
    assert ended["status"] == "Succeeded", ended
    sheet = portal.send("GET", f"hsms/{hsm_name}/handover").json()
    assert (sheet["operationId"], part(sheet, "administration")["state"]) == (second, "Built")
    with signed_in_as_the_app(stack):
        gave_way = archive.find_operation(first)
        assert gave_way is not None
        # Whoever joined may have died before it recorded what had given way.
        keep_handover(gave_way)
    assert portal.send("GET", f"hsms/{hsm_name}/handover").json() == sheet
