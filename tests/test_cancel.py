"""Cancel: honoured before the next step until the security domain is downloaded, and never after."""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
import requests

from local.azure.control.models import NewFault, NewHold, ServiceName
from local.azure.core.faults import Answer
from local.policy import TEAM_B
from local.portal import Portal
from local.stack import Stack
from tests import stored
from tests.custodians import Custodian, request_for
from tests.kills import kill
from tests.people import Person, await_step
from tests.test_recovery import abandon


class Moment(NamedTuple):
    """A request of an activity during which somebody cancels; `skip` requests like it come before.

    `step` is the next one, which does not happen any more, and `states` in which of them the HSM is then.
    """

    service: ServiceName
    method: str
    path: str
    step: str
    states: tuple[str, ...] = ()
    skip: int = 0


MOMENTS = [
    Moment("blob_storage", "PUT", "/plan.json", "create_resource_group"),
    Moment("resource_manager", "PUT", "/resourcegroups/rg-{name}", "provision_hsm"),
    Moment("resource_manager", "PUT", "/managedHSMs/{name}", "await_ready", ("Provisioning", "NotActivated")),
    Moment("blob_storage", "PUT", "/hsms/{name}", "fetch_wrapping_keys", ("NotActivated",), skip=1),
]


def cancel(portal: Portal, operation_id: str) -> requests.Response:
    return portal.send("POST", f"operations/{operation_id}/cancel")


@pytest.mark.parametrize("moment", MOMENTS, ids=[moment.step for moment in MOMENTS])
def test_a_canceled_operation_goes_no_further_and_the_same_request_resumes(
    moment: Moment, stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians, resourceGroup=f"rg-{hsm_name}")
    path = moment.path.format(name=hsm_name)
    hold = stack.control.hold(
        NewHold(service=moment.service, method=moment.method, path=path, phase="before", skip=moment.skip)
    )
    operation_id = portal.put_hsm(hsm_name, body).json()["id"]
    assert stack.control.await_hold(hold, 30), path
    answer = cancel(portal, operation_id)
    assert answer.status_code == 202, answer.text
    assert answer.json()["cancel"]["by"]["objectId"] == stack.portal.object_id
    assert f"/api/operations/{operation_id}?" in answer.headers["Operation-Location"]
    assert cancel(portal, operation_id).json()["cancel"] == answer.json()["cancel"]
    stack.control.release(hold)
    operation = portal.follow(operation_id)
    assert (operation["status"], operation["error"]["code"]) == ("Canceled", "operation_canceled")
    assert operation["cancel"] == answer.json()["cancel"]
    steps = {step["name"]: step["status"] for step in operation["steps"]}
    assert (steps[moment.step], steps["download_security_domain"]) == ("Failed", "NotStarted")
    exists = operation["exists"]
    assert exists.get("resourceGroup") == (None if moment.step == "create_resource_group" else f"rg-{hsm_name}")
    assert bool(exists["resume"])
    if moment.states:
        assert exists["hsm"]["state"] in moment.states
        assert exists["monthlyCostUsd"] > 1000
    else:
        assert "hsm" not in exists
        assert stack.control.hsms() == []
    again = portal.follow(portal.put_hsm(hsm_name, body).json()["id"])
    assert (again["status"], again["id"] != operation_id) == ("Succeeded", True)


def test_while_azure_makes_the_hsm_it_can_be_canceled(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    stack.control.change_timing(60, 0.6)
    operation_id = portal.put_hsm(hsm_name, request_for(stack, custodians)).json()["id"]
    await_step(portal, operation_id, "await_ready")
    shown = cancel(portal, operation_id).json()
    assert shown["exists"]["hsm"]["state"] == "Provisioning"
    operation = portal.follow(operation_id)
    assert (operation["status"], operation["exists"]["hsm"]["state"]) == ("Canceled", "Provisioning")


def test_what_arm_accepted_and_does_not_show_yet_is_not_called_nothing(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    path = f"/managedHSMs/{hsm_name}"
    asking = stack.control.hold(NewHold(service="resource_manager", method="PUT", path=path, phase="before"))
    operation_id = portal.put_hsm(hsm_name, request_for(stack, custodians)).json()["id"]
    assert stack.control.await_hold(asking, 30)
    assert cancel(portal, operation_id).json()["exists"]["hsm"]["state"] == "Unknown"
    hidden = stack.control.inject_fault(
        NewFault(service="resource_manager", method="GET", path=path, count=1000, effect=Answer(status=404))
    )
    stack.control.release(asking)
    operation = portal.follow(operation_id)
    stack.control.remove_fault(hidden)
    assert (operation["status"], operation["exists"]["hsm"]["state"]) == ("Canceled", "Unknown")
    assert operation["exists"]["hsm"]["resourceId"] == operation["plan"]["resourceId"]
    assert [hsm["name"] for hsm in stack.control.hsms()] == [hsm_name]


def test_from_the_download_on_it_is_too_late(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    download = stack.control.hold(
        NewHold(service="managed_hsm", method="POST", path="/securitydomain/download", phase="before", skip=1)
    )
    operation_id = portal.put_hsm(hsm_name, request_for(stack, custodians)).json()["id"]
    assert stack.control.await_hold(download, 30)
    late = cancel(portal, operation_id)
    assert (late.status_code, late.json()["code"]) == (409, "cancel_too_late")
    shown = late.json()["operation"]
    assert (shown["id"], shown["exists"]["hsm"]["state"]) == (operation_id, "NotActivated")
    assert shown["exists"]["monthlyCostUsd"] > 1000
    stack.control.release(download)
    stack.control.change_timing(0.6, 2)
    await_step(portal, operation_id, "await_activation")
    assert cancel(portal, operation_id).json()["code"] == "cancel_too_late"
    operation = portal.follow(operation_id)
    assert operation["status"] == "Succeeded", operation
    assert "cancel" not in operation
    assert "exists" not in operation
    ended = cancel(portal, operation_id)
    assert (ended.status_code, ended.json()["code"]) == (409, "operation_ended")


def fetching(stack: Stack, portal: Portal, name: str, custodians: list[Custodian]) -> tuple[str, str]:
    """Ask for an HSM, and give its operation and a hold in which it fetches the wrapping keys."""
    certificate = stack.control.plant_certificate("custodians", name, custodians[2].pem)
    unversioned, _, version = certificate.rpartition("/")
    body = request_for(stack, custodians)
    body["securityDomain"]["wrappingKeys"][2] = {"custodian": "Three", "certificateId": unversioned}
    hold = stack.control.hold(
        NewHold(service="key_vault", method="GET", path=f"/certificates/{name}/{version}", phase="before")
    )
    operation_id = portal.put_hsm(name, body).json()["id"]
    assert stack.control.await_hold(hold, 30)
    steps = {step["name"]: step["status"] for step in portal.operation(operation_id)["steps"]}
    assert steps["fetch_wrapping_keys"] == "Running"
    return operation_id, hold


def test_until_the_hsm_was_asked_for_its_security_domain_a_cancel_is_honoured(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    operation_id, hold = fetching(stack, portal, hsm_name, custodians)
    assert cancel(portal, operation_id).status_code == 202
    stack.control.release(hold)
    operation = portal.follow(operation_id)
    assert (operation["status"], operation["error"]["code"]) == ("Canceled", "operation_canceled")
    assert operation["exists"]["hsm"]["state"] == "NotActivated"
    assert stack.control.exports(hsm_name) == []
    assert not [path for path in stored.paths(stack, hsm_name) if "/exports/" in path]


def committing(name: str) -> NewHold:
    """The write by which an operation commits; the one before it accepts the operation."""
    return NewHold(service="blob_storage", method="PUT", path=f"/claims/{name}", phase="before", skip=1)


def test_a_cancel_that_comes_before_the_download_commits_is_honoured(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    hold = stack.control.hold(committing(hsm_name))
    operation_id = portal.put_hsm(hsm_name, request_for(stack, custodians)).json()["id"]
    assert stack.control.await_hold(hold, 30)
    assert cancel(portal, operation_id).status_code == 202
    stack.control.release(hold)
    operation = portal.follow(operation_id)
    assert (operation["status"], operation["error"]["code"]) == ("Canceled", "operation_canceled")
    assert {step["name"]: step["status"] for step in operation["steps"]}["download_security_domain"] == "Failed"
    assert operation["exists"]["hsm"]["state"] == "NotActivated"
    assert stack.control.exports(hsm_name) == []
    assert not [path for path in stored.paths(stack, hsm_name) if "/exports/" in path]
    assert portal.follow(portal.put_hsm(hsm_name, request_for(stack, custodians)).json()["id"])["status"] == "Succeeded"


def test_a_cancel_that_comes_after_the_download_committed_is_refused(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    operation_id, hold = fetching(stack, portal, hsm_name, custodians)
    writing = stack.control.hold(
        NewHold(service="blob_storage", method="PUT", path=f"/claims/{hsm_name}", phase="before")
    )
    about_to_ask = stack.control.hold(
        NewHold(service="blob_storage", method="PUT", path=f"/{hsm_name}/exports/000001-asked.json", phase="before")
    )
    with ThreadPoolExecutor(1) as pool:
        canceling = pool.submit(cancel, portal, operation_id)
        assert stack.control.await_hold(writing, 30)
        stack.control.release(hold)
        assert stack.control.await_hold(about_to_ask, 30)
        stack.control.release(writing)
        late = canceling.result()
    assert (late.status_code, late.json()["code"]) == (409, "cancel_too_late")
    # Killed before it asked, it asks: nobody can have canceled it meanwhile.
    kill(stack, {about_to_ask: "before"})
    assert cancel(portal, operation_id).json()["code"] in ("cancel_too_late", "operation_ended")
    operation = portal.follow(operation_id)
    assert (operation["status"], "cancel" in operation) == ("Succeeded", False), operation
    assert len(stack.control.exports(hsm_name)) == 1


def test_a_cancel_that_comes_before_a_change_commits_is_honoured(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    assert portal.follow(portal.put_hsm(hsm_name, body).json()["id"])["status"] == "Succeeded"
    hold = stack.control.hold(committing(hsm_name))
    change = portal.send("PATCH", f"hsms/{hsm_name}", json={"tags": {"owner": "team-z"}})
    assert change.status_code == 202, change.text
    assert stack.control.await_hold(hold, 30)
    assert cancel(portal, change.json()["id"]).status_code == 202
    stack.control.release(hold)
    assert portal.follow(change.json()["id"])["status"] == "Canceled"
    assert portal.send("GET", f"hsms/{hsm_name}").json()["tags"] == body["tags"]


def test_a_change_that_was_asked_of_azure_is_not_canceled(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = request_for(stack, custodians)
    assert portal.follow(portal.put_hsm(hsm_name, body).json()["id"])["status"] == "Succeeded"
    changing = stack.control.hold(
        NewHold(service="resource_manager", method="PATCH", path=f"/managedHSMs/{hsm_name}", phase="before")
    )
    change = portal.send("PATCH", f"hsms/{hsm_name}", json={"tags": {"owner": "team-z"}})
    assert change.status_code == 202, change.text
    assert stack.control.await_hold(changing, 30)
    late = cancel(portal, change.json()["id"])
    assert (late.status_code, late.json()["code"]) == (409, "cancel_too_late")
    stack.control.release(changing)
    operation = portal.follow(change.json()["id"])
    assert (operation["status"], "cancel" in operation) == ("Succeeded", False)


def test_who_may_cancel(
    stack: Stack, portal: Portal, other_portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    stack.control.change_timing(60, 0.6)
    operation_id = portal.put_hsm(hsm_name, request_for(stack, custodians)).json()["id"]
    approver = Person(stack, 1, ["Hsm.Approve", "Hsm.Read"])
    operator = Person(stack, 2, ["Hsm.Operate"], [TEAM_B])
    answers = [cancel(who, operation_id) for who in (other_portal, approver, operator)]
    assert [answer.status_code for answer in answers] == [404, 403, 202]
    operation = portal.follow(operation_id)
    assert (operation["status"], operation["cancel"]["by"]["objectId"]) == ("Canceled", operator.object_id)


def test_what_was_accepted_and_never_began_is_canceled(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    operation_id = abandon(stack, hsm_name, "01HZZZZZZZZZZZZZZZZZZZZZZZ", request_for(stack, custodians))
    assert cancel(portal, operation_id).status_code == 202
    operation = portal.follow(operation_id)
    assert (operation["status"], operation["steps"][0]["status"]) == ("Canceled", "Failed")
    assert set(operation["exists"]) == {"resume"}


def test_what_azure_does_not_say_is_unknown_and_keeps_nothing_from_being_recorded(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    stack.control.change_timing(60, 0.6)
    operation_id = portal.put_hsm(hsm_name, request_for(stack, custodians)).json()["id"]
    await_step(portal, operation_id, "await_ready")
    fault = NewFault(
        service="resource_manager",
        method="GET",
        path=f"/managedHSMs/{hsm_name}",
        count=1000,
        effect=Answer(status=400),
    )
    identifier = stack.control.inject_fault(fault)
    operation = portal.follow(operation_id)
    stack.control.remove_fault(identifier)
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "azure_refused")
    assert operation["exists"]["hsm"]["state"] == "Unknown"
    assert operation["exists"]["hsm"]["resourceId"] == operation["plan"]["resourceId"]
