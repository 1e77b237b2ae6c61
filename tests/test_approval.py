"""Approval: a person who did not ask decides on exactly the pinned plan, and nothing is made without."""

import contextlib
import hashlib
import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from durabletask.client import TaskHubGrpcClient

from local.azure.control.models import NewFault, NewHold
from local.azure.core.faults import Answer
from local.policy import TEAM_A, TEAM_B, policy
from local.portal import Portal
from local.stack import Stack, register_application, running_stack
from tests import stored
from tests.custodians import Custodian, make_custodian, request_for
from tests.hosts import deployed
from tests.people import Person, await_step
from tests.test_recovery import abandon

SOON: Final = 8
REQUESTER = "00000000-0000-4000-8000-0000000a0001"
ENVIRONMENTS: dict[str, Any] = {"development": {}, "guarded": {"approval": ["provision"]}}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A deployment whose policy wants approval of what is provisioned in the environment guarded."""
    before = dict(os.environ)
    settings = {"HSM_PROVISIONER_POLICY": policy(environments=ENVIRONMENTS)}
    directory = tmp_path_factory.mktemp("approval") / "run"
    with running_stack(directory, provisioning_seconds=0.6, activation_seconds=0.6, settings=settings) as running:
        yield running
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def portal(stack: Stack) -> Portal:
    return Portal(stack)


@pytest.fixture(scope="module")
def approver(stack: Stack) -> Person:
    return Person(stack, 2, ["Hsm.Approve"])


def guarded(stack: Stack, custodians: list[Custodian], **changes: Any) -> dict[str, Any]:
    return request_for(stack, custodians, **{"environment": "guarded", "requestedBy": REQUESTER, **changes})


def ask(portal: Portal, name: str, body: dict[str, Any]) -> dict[str, Any]:
    """Ask for an HSM, and give its operation once it waits for approval."""
    response = portal.put_hsm(name, body)
    assert response.status_code == 202, response.text
    return await_step(portal, response.json()["id"], "await_approval")


def problem(response: requests.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def decision_of(stack: Stack, name: str, operation: dict[str, Any]) -> dict[str, Any]:
    blob = stored.service(stack).get_blob_client("security-domains", f"{name}/{operation['id']}/approval.json")
    document: dict[str, Any] = json.loads(blob.download_blob().readall())
    return document


def change_plan(stack: Stack, name: str, operation: dict[str, Any], **changes: Any) -> None:
    """Overwrite what preflight pinned, as whoever can write to the store could."""
    blob = stored.service(stack).get_blob_client("security-domains", f"{name}/{operation['id']}/plan.json")
    plan = {**json.loads(blob.download_blob().readall()), **changes}
    content = json.dumps(plan).encode()
    blob.upload_blob(content, overwrite=True, metadata={"sha256": hashlib.sha256(content).hexdigest()})


def test_an_approved_plan_is_carried_out(
    stack: Stack, portal: Portal, approver: Person, hsm_name: str, custodians: list[Custodian]
) -> None:
    waiting = ask(portal, hsm_name, guarded(stack, custodians))
    assert (waiting["status"], waiting["requestedBy"]) == ("Running", REQUESTER)
    approval = waiting["approval"]
    assert approval["required"] is True
    assert approval["reasons"] == ["The policy wants approval of every provision in the environment guarded."]
    assert approval["expiresAt"] > waiting["createdAt"]
    plan = stored.service(stack).get_blob_client("security-domains", f"{hsm_name}/{waiting['id']}/plan.json")
    assert approval["planSha256"] == hashlib.sha256(plan.download_blob().readall()).hexdigest()
    assert stack.control.hsms() == []
    answer = approver.decide(waiting, "approve", comment="As agreed.\nFor two weeks.")
    assert answer.status_code == 200, answer.text
    decided = answer.json()["approval"]
    assert (decided["decision"], decided["comment"]) == ("approved", "As agreed.\nFor two weeks.")
    assert (decided["decidedBy"]["objectId"], decided["decidedBy"]["kind"]) == (approver.object_id, "person")
    operation = portal.follow(waiting["id"])
    assert operation["status"] == "Succeeded", operation
    assert operation["approval"] == decided
    written = decision_of(stack, hsm_name, waiting)
    assert (written["decision"], written["planSha256"]) == ("approved", approval["planSha256"])


def test_an_approver_finds_what_waits_for_approval_and_nothing_else(
    stack: Stack, portal: Portal, approver: Person, hsm_name: str, custodians: list[Custodian]
) -> None:
    waiting = [ask(portal, f"{hsm_name}-{letter}", guarded(stack, custodians)) for letter in "abc"]
    ids = [operation["id"] for operation in waiting]
    running = stack.control.hold(
        NewHold(service="resource_manager", method="PUT", path=f"/resourcegroups/rg-{hsm_name}$", phase="before")
    )
    body = request_for(stack, custodians, resourceGroup=f"rg-{hsm_name}")
    other = portal.put_hsm(f"{hsm_name}-d", body).json()["id"]
    assert stack.control.await_hold(running, 60)
    found = {operation["id"]: operation for operation in find(approver, awaitingApproval="true", maxpagesize=2)}
    assert list(found) == ids[::-1]
    for shown in (*waiting, *found.values()):
        assert (shown["status"], shown["awaitingApproval"]) == ("Running", True)
        assert shown["currentStep"] == {"name": "await_approval", "status": "Running"}
    others = [operation["id"] for operation in find(approver, awaitingApproval="false", maxpagesize=100)]
    assert other in others
    assert not set(ids) & set(others)
    assert find(approver, awaitingApproval="true", status="Failed") == []
    assert find(Person(stack, 3, ["Hsm.Approve"], [TEAM_B]), awaitingApproval="true") == []
    stack.control.release(running)
    assert approver.decide(waiting[0], "approve").status_code == 200
    assert approver.decide(waiting[1], "reject").status_code == 200
    with TaskHubGrpcClient(host_address=stack.host.durable_address) as engine:
        engine.terminate_orchestration(f"hsm-{hsm_name}-c")
    ended = [portal.follow(identifier) for identifier in (*ids, other)]
    assert [operation["status"] for operation in ended] == ["Succeeded", "Failed", "Failed", "Succeeded"]
    for shown in (*ended, *find(approver)):
        assert (shown["awaitingApproval"], "currentStep" in shown) == (False, False)
    assert find(approver, awaitingApproval="true") == []


def find(person: Person, **parameters: Any) -> list[dict[str, Any]]:
    """List operations, page after page."""
    found: list[dict[str, Any]] = []
    asked = parameters
    while True:
        document = person.send("GET", "operations", params=asked).json()
        found += document["value"]
        if "nextLink" not in document:
            return found
        asked = dict(parse_qsl(urlsplit(document["nextLink"]).query))


def test_a_rejected_plan_makes_nothing_and_the_same_request_needs_an_approval_of_its_own(
    stack: Stack, portal: Portal, approver: Person, hsm_name: str, custodians: list[Custodian]
) -> None:
    body = guarded(stack, custodians)
    waiting = ask(portal, hsm_name, body)
    assert approver.decide(waiting, "reject", comment="Not this quarter.").status_code == 200
    rejected = portal.follow(waiting["id"])
    assert (rejected["status"], rejected["error"]["code"]) == ("Failed", "approval_rejected")
    assert (rejected["approval"]["decision"], rejected["approval"]["comment"]) == ("rejected", "Not this quarter.")
    assert set(rejected["exists"]) == {"resume"}
    assert stack.control.hsms() == []
    again = ask(portal, hsm_name, body)
    assert again["id"] != waiting["id"]
    assert "decision" not in again["approval"]
    assert approver.decide(again, "approve").status_code == 200
    assert portal.follow(again["id"])["status"] == "Succeeded"


def test_what_was_rejected_is_not_what_the_hsm_is_compared_with(
    stack: Stack, portal: Portal, approver: Person, hsm_name: str, custodians: list[Custodian]
) -> None:
    stack.control.fail_provisioning(1)
    body = guarded(stack, custodians)
    waiting = ask(portal, hsm_name, body)
    assert approver.decide(waiting, "approve").status_code == 200
    assert portal.follow(waiting["id"])["status"] == "Failed"
    other = [*custodians[:2], make_custodian("Another")]
    waiting = ask(portal, hsm_name, guarded(stack, other))
    assert approver.decide(waiting, "reject").status_code == 200
    portal.follow(waiting["id"])
    waiting = ask(portal, hsm_name, body)
    assert approver.decide(waiting, "approve").status_code == 200
    made = portal.follow(waiting["id"])
    assert made["status"] == "Succeeded", made
    assert portal.put_hsm(hsm_name, body).status_code == 200


REFUSED_BODIES = {
    "no body": (b"", "body_missing"),
    "no JSON": (b"{", "body_not_json"),
    "no hash": (b"{}", "invalid_field"),
    "a hash that is none": (json.dumps({"planSha256": "0" * 63}).encode(), "invalid_field"),
    "an unknown member": (json.dumps({"planSha256": "0" * 64, "by": "me"}).encode(), "invalid_field"),
    "a long comment": (json.dumps({"planSha256": "0" * 64, "comment": "x" * 501}).encode(), "invalid_field"),
    "a comment that hides": (json.dumps({"planSha256": "0" * 64, "comment": "a\u202eb"}).encode(), "invalid_field"),
    "a comment that rings": (json.dumps({"planSha256": "0" * 64, "comment": "a\u0007"}).encode(), "invalid_field"),
}


def test_who_may_not_decide_and_on_what(
    stack: Stack, portal: Portal, approver: Person, hsm_name: str, custodians: list[Custodian]
) -> None:
    waiting = ask(portal, hsm_name, guarded(stack, custodians))
    application = register_application(stack.control, "an approving one", ["Hsm.Approve"], groups=[TEAM_A])
    body = {"planSha256": waiting["approval"]["planSha256"]}
    for verdict in ("approve", "reject"):
        path = f"operations/{waiting['id']}/{verdict}"
        behind = Person(stack, 1, ["Hsm.Approve", "Hsm.Operate"])
        assert behind.object_id == REQUESTER
        assert problem(behind.decide(waiting, verdict)) == (403, "approver_is_requester")
        answer = Portal(stack, application).send("POST", path, json=body)
        assert problem(answer) == (403, "approver_not_a_person")
        stranger = Person(stack, 3, ["Hsm.Approve"], [TEAM_B])
        assert problem(stranger.decide(waiting, verdict)) == (404, "operation_not_found")
        operator = Person(stack, 4, ["Hsm.Operate"])
        assert problem(operator.decide(waiting, verdict)) == (403, "role_missing")
        assert problem(approver.decide(waiting, verdict, planSha256="0" * 64)) == (409, "plan_changed")
        unknown = approver.send("POST", f"operations/{hsm_name}-01HZZZZZZZZZZZZZZZZZZZZZZZ/{verdict}", json=body)
        assert problem(unknown) == (404, "operation_not_found")
        for content, code in REFUSED_BODIES.values():
            assert problem(approver.send("POST", path, data=content)) == (400, code)
    assert "decision" not in portal.operation(waiting["id"])["approval"]
    assert not [path for path in stored.paths(stack, hsm_name) if path.endswith("/approval.json")]
    # Of another team, but one who may see everything.
    everywhere = Person(stack, 5, ["Hsm.Approve", "Hsm.Operate"], [TEAM_B])
    assert everywhere.decide(waiting, "reject").status_code == 200
    portal.follow(waiting["id"])


def test_a_person_does_not_approve_what_they_asked_for(
    stack: Stack, approver: Person, hsm_name: str, custodians: list[Custodian]
) -> None:
    person = Person(stack, 6, ["Hsm.Request", "Hsm.Approve", "Hsm.Operate"])
    body = guarded(stack, custodians)
    del body["requestedBy"]
    waiting = ask(person, hsm_name, body)
    assert problem(person.decide(waiting, "approve")) == (403, "approver_is_requester")
    assert approver.decide(waiting, "reject").status_code == 200
    person.follow(waiting["id"])


def test_what_was_accepted_without_its_person_is_not_planned(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian]
) -> None:
    # As when the policy began to want approval between the acceptance and preflight.
    body = guarded(stack, custodians)
    without = {name: value for name, value in body.items() if name != "requestedBy"}
    operation_id = abandon(stack, hsm_name, "01HZZZZZZZZZZZZZZZZZZZZZZZ", without)
    assert portal.put_hsm(hsm_name, body).json()["id"] == operation_id
    operation = portal.follow(operation_id)
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "requested_by_missing")


def test_a_decision_is_made_once(
    stack: Stack, portal: Portal, approver: Person, hsm_name: str, custodians: list[Custodian]
) -> None:
    # What is decided is not yet looked at, so the operation goes on waiting.
    waiting = ask(portal, hsm_name, guarded(stack, custodians))
    looking = stack.control.hold(
        NewHold(service="resource_manager", method="PUT", path="/resourcegroups/", phase="before")
    )
    another = Person(stack, 7, ["Hsm.Approve"])
    first = approver.decide(waiting, "approve", comment="Yes.")
    assert first.status_code == 200, first.text
    again = approver.decide(waiting, "approve", comment="Yes, yes.")
    assert (again.status_code, again.json()["approval"]) == (200, first.json()["approval"])
    assert problem(approver.decide(waiting, "reject")) == (409, "approval_decided")
    assert problem(another.decide(waiting, "approve")) == (409, "approval_decided")
    assert problem(another.decide(waiting, "reject")) == (409, "approval_decided")
    stack.control.release(looking)
    assert portal.follow(waiting["id"])["status"] == "Succeeded"
    assert approver.decide(waiting, "approve").status_code == 200
    assert problem(approver.decide(waiting, "reject")) == (409, "approval_decided")


def test_the_audit_log_tells_the_decision_that_holds_from_the_one_that_was_late(
    stack: Stack, portal: Portal, approver: Person, hsm_name: str, custodians: list[Custodian]
) -> None:
    other, auditor = Person(stack, 3, ["Hsm.Approve"]), Person(stack, 9, ["Hsm.Audit"])
    waiting = ask(portal, hsm_name, guarded(stack, custodians))
    hold = stack.control.hold(
        NewHold(service="blob_storage", method="PUT", path=f"/{waiting['id']}/approval.json", phase="before")
    )
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(approver.decide, waiting, "approve")
        assert stack.control.await_hold(hold, 30)
        assert other.decide(waiting, "reject").status_code == 200
        stack.control.release(hold)
        assert problem(late.result()) == (409, "approval_decided")
    assert portal.follow(waiting["id"])["error"]["code"] == "approval_rejected"
    page = auditor.send("GET", "audit", params={"operation": waiting["id"], "maxpagesize": 200}).json()
    decided = [(each["outcome"], each["actor"]["objectId"]) for each in page["value"] if each["kind"] == "decision"]
    assert sorted(decided) == [
        ("asked_approved", approver.object_id),
        ("asked_rejected", other.object_id),
        ("rejected", other.object_id),
    ]


def test_only_what_waits_can_be_decided_on(
    stack: Stack, portal: Portal, approver: Person, hsm_name: str, custodians: list[Custodian]
) -> None:
    operation = portal.follow(portal.put_hsm(hsm_name, request_for(stack, custodians)).json()["id"])
    assert operation["approval"]["required"] is False
    assert "expiresAt" not in operation["approval"]
    assert problem(approver.decide(operation, "approve")) == (409, "approval_not_needed")
    stack.control.forget_hsms()
    waiting = ask(portal, hsm_name, guarded(stack, custodians))
    assert portal.send("POST", f"operations/{waiting['id']}/cancel").status_code == 202
    canceled = portal.follow(waiting["id"])
    assert (canceled["status"], canceled["error"]["code"]) == ("Canceled", "operation_canceled")
    assert problem(approver.decide(waiting, "approve")) == (409, "operation_ended")
    again = ask(portal, hsm_name, guarded(stack, custodians))
    assert again["id"] != waiting["id"]
    assert approver.decide(again, "reject").status_code == 200
    portal.follow(again["id"])


def test_what_expired_while_it_waited_for_its_approval_is_not_made(
    stack: Stack, portal: Portal, approver: Person, hsm_name: str, custodians: list[Custodian]
) -> None:
    waiting = ask(portal, hsm_name, guarded(stack, custodians, expiresAt=soon()))
    time.sleep(SOON)
    assert approver.decide(waiting, "approve").status_code == 200
    operation = portal.follow(waiting["id"])
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "expiry_in_past")
    assert stack.control.hsms() == []


def soon() -> str:
    """A time that has come after `SOON`, and not before what is asked for waits for approval."""
    # To the second, as the service has its time.
    return (datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=SOON)).isoformat()


def test_a_certificates_new_version_after_approval_wraps_nothing(
    stack: Stack, portal: Portal, approver: Person, hsm_name: str, custodians: list[Custodian]
) -> None:
    certificate = stack.control.plant_certificate("custodians", hsm_name, custodians[2].pem)
    body = guarded(stack, custodians)
    unversioned = certificate.rpartition("/")[0]
    body["securityDomain"]["wrappingKeys"][2] = {"custodian": "Three", "certificateId": unversioned}
    waiting = ask(portal, hsm_name, body)
    ready = stack.control.hold(
        NewHold(service="resource_manager", method="PUT", path="/resourcegroups/", phase="before")
    )
    assert approver.decide(waiting, "approve").status_code == 200
    stack.control.plant_certificate("custodians", hsm_name, make_custodian("Mallory").pem)
    stack.control.release(ready)
    operation = portal.follow(waiting["id"])
    assert operation["status"] == "Succeeded", operation
    approved = [key["thumbprint"] for key in waiting["plan"]["wrappingKeys"]]
    assert approved == [custodian.thumbprint for custodian in custodians]
    assert operation["result"]["securityDomain"]["thumbprints"] == approved


CHANGED_PLANS: dict[str, dict[str, Any]] = {
    "another pin": {"monthlyCostUsd": 1.0},
    "no approval needed": {"approvalReasons": [], "approvalExpiresAt": None},
}


@pytest.mark.parametrize("changes", CHANGED_PLANS.values(), ids=CHANGED_PLANS)
def test_a_plan_that_was_changed_after_its_approval_is_not_carried_out(
    changes: dict[str, Any],
    stack: Stack,
    portal: Portal,
    approver: Person,
    hsm_name: str,
    custodians: list[Custodian],
) -> None:
    waiting = ask(portal, hsm_name, guarded(stack, custodians, resourceGroup=f"rg-{hsm_name}"))
    group = stack.control.hold(
        NewHold(service="resource_manager", method="PUT", path=f"/resourcegroups/rg-{hsm_name}", phase="before")
    )
    assert approver.decide(waiting, "approve").status_code == 200
    assert stack.control.await_hold(group, 30)
    change_plan(stack, hsm_name, waiting, **changes)
    stack.control.release(group)
    operation = portal.follow(waiting["id"])
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "approval_missing")
    assert stack.control.hsms() == []


def test_a_plan_that_was_changed_after_the_hsm_was_made_downloads_nothing(
    stack: Stack, portal: Portal, approver: Person, hsm_name: str, custodians: list[Custodian]
) -> None:
    waiting = ask(portal, hsm_name, guarded(stack, custodians))
    # The first time the record is written the HSM is asked for, the second time it is ready.
    ready = stack.control.hold(
        NewHold(service="blob_storage", method="PUT", path=f"/hsms/{hsm_name}", phase="before", skip=1)
    )
    assert approver.decide(waiting, "approve").status_code == 200
    assert stack.control.await_hold(ready, 30)
    change_plan(stack, hsm_name, waiting, monthlyCostUsd=1.0)
    stack.control.release(ready)
    operation = portal.follow(waiting["id"])
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "approval_missing")
    assert operation["exists"]["hsm"]["state"] == "NotActivated"
    assert operation["exists"]["monthlyCostUsd"] > 0
    assert stack.control.exports(hsm_name) == []


def test_a_plan_that_was_changed_before_the_decision_is_not_what_the_approver_read(
    stack: Stack, portal: Portal, approver: Person, hsm_name: str, custodians: list[Custodian]
) -> None:
    waiting = ask(portal, hsm_name, guarded(stack, custodians))
    change_plan(stack, hsm_name, waiting, monthlyCostUsd=1.0)
    assert problem(approver.decide(waiting, "approve")) == (409, "plan_changed")
    assert approver.decide(portal.operation(waiting["id"]), "reject").status_code == 200
    portal.follow(waiting["id"])


def test_whoever_holds_the_hosts_key_approves_nothing(
    stack: Stack, portal: Portal, approver: Person, hsm_name: str, custodians: list[Custodian]
) -> None:
    waiting = ask(portal, hsm_name, guarded(stack, custodians))
    forged = {"decision": "approved", "planSha256": waiting["approval"]["planSha256"], "outcome": {"status": "done"}}
    instance, child = f"hsm-{hsm_name}", f"{waiting['id']}:approval"
    for name in (instance, child):
        for _ in range(5):
            assert durable(stack, f"instances/{name}/raiseEvent/decided", forged).status_code == 202
    work = {"operationId": waiting["id"], "instanceId": instance, "progress": {"now": "2999-01-01T00:00:00Z"}}
    for orchestrator, given in {
        "hsm_provisioning": waiting["id"],
        "approval_waiting": {"work": work},
        "outcome_polling": {"activity": "provision_hsm", "work": work, "pause": 0},
    }.items():
        assert durable(stack, f"orchestrators/{orchestrator}/forged-{orchestrator}-{hsm_name}", given).ok
        durable(stack, f"orchestrators/{orchestrator}/{instance}", given)
    time.sleep(2)
    operation = portal.operation(waiting["id"])
    steps = {step["name"]: step["status"] for step in operation["steps"]}
    assert (operation["status"], steps["await_approval"]) == ("Running", "Running")
    assert steps["create_resource_group"] == "NotStarted"
    assert "decision" not in operation["approval"]
    assert stack.control.hsms() == []
    assert approver.decide(waiting, "approve").status_code == 200
    assert portal.follow(waiting["id"])["status"] == "Succeeded"


def test_whoever_holds_the_hosts_key_ends_no_operation(
    stack: Stack, portal: Portal, approver: Person, hsm_name: str, custodians: list[Custodian]
) -> None:
    waiting = ask(portal, hsm_name, guarded(stack, custodians))
    # The forged one cannot read the claim once, so that it fails, and has its failure recorded.
    stack.control.inject_fault(
        NewFault(service="blob_storage", method="GET", path=f"/claims/{hsm_name}", count=1, effect=Answer(status=400))
    )
    forged = f"forged-failure-{hsm_name}"
    assert durable(stack, f"orchestrators/hsm_provisioning/{forged}", waiting["id"]).ok
    with TaskHubGrpcClient(host_address=stack.host.durable_address) as engine:
        engine.wait_for_orchestration_completion(forged, timeout=60)
    operation = portal.operation(waiting["id"])
    assert (operation["status"], "error" in operation) == ("Running", False), operation
    assert approver.decide(waiting, "approve").status_code == 200
    assert portal.follow(waiting["id"])["status"] == "Succeeded"


def test_whoever_holds_the_hosts_key_records_nothing_that_was_not_approved(
    stack: Stack, portal: Portal, approver: Person, hsm_name: str, custodians: list[Custodian]
) -> None:
    stack.control.change_timing(2, 0.6)
    made = ask(portal, hsm_name, guarded(stack, custodians, expiresAt="2030-01-01T00:00:00Z"))
    assert approver.decide(made, "approve").status_code == 200
    await_step(portal, made["id"], "await_ready")
    assert portal.send("POST", f"operations/{made['id']}/cancel").status_code == 202
    assert portal.follow(made["id"])["status"] == "Canceled"
    await_state(portal, hsm_name, "NotActivated")
    others = [*custodians[:2], make_custodian("Another")]
    waiting = ask(portal, hsm_name, guarded(stack, others, expiresAt="2031-01-01T00:00:00Z"))
    poll_once(stack, waiting, "await_ready")
    assert portal.send("GET", f"hsms/{hsm_name}").json()["expiresAt"] == "2030-01-01T00:00:00.000Z"
    assert approver.decide(waiting, "reject").status_code == 200
    portal.follow(waiting["id"])


def await_state(portal: Portal, name: str, state: str) -> None:
    deadline = time.monotonic() + 60
    while portal.send("GET", f"hsms/{name}").json()["state"] != state:
        assert time.monotonic() < deadline, state
        time.sleep(0.1)


def poll_once(stack: Stack, operation: dict[str, Any], activity: str) -> None:
    """Have an activity run for an operation, as whoever holds the host's key can."""
    work = {"operationId": operation["id"], "instanceId": f"hsm-{operation['hsm']}"}
    poll = {"activity": activity, "work": work, "pause": 0, "seconds": 60, "deadline": "2000-01-01T00:00:00+00:00"}
    forged = f"forged-{activity}-{operation['hsm']}"
    assert durable(stack, f"orchestrators/outcome_polling/{forged}", poll).ok
    with TaskHubGrpcClient(host_address=stack.host.durable_address) as engine:
        engine.wait_for_orchestration_completion(forged, timeout=60)


def durable(stack: Stack, path: str, body: object) -> requests.Response:
    url = f"{stack.host.functions_url}/runtime/webhooks/durabletask/{path}"
    with requests.Session() as session:
        session.trust_env = False
        return session.post(url, json=body, headers={"x-functions-key": stack.host.durable_key}, timeout=30)


def test_a_worker_killed_between_the_decision_and_its_event_loses_neither(
    stack: Stack, portal: Portal, approver: Person, hsm_name: str, custodians: list[Custodian]
) -> None:
    waiting = ask(portal, hsm_name, guarded(stack, custodians))
    written = stack.control.hold(
        NewHold(service="blob_storage", method="PUT", path=f"/{waiting['id']}/approval.json", phase="after")
    )
    with ThreadPoolExecutor(1) as pool:
        unheard = pool.submit(approver.decide, waiting, "approve")
        assert stack.control.await_hold(written, 30)
        os.kill(stack.host.worker_process_id(), signal.SIGKILL)
        stack.control.release(written)
        with contextlib.suppress(requests.ConnectionError):
            assert unheard.result().status_code >= 500
    assert decision_of(stack, hsm_name, waiting)["decision"] == "approved"
    answer = approver.decide(waiting, "approve")
    assert answer.status_code == 200, answer.text
    assert portal.follow(waiting["id"])["status"] == "Succeeded"


WANTING: Final = {
    "HSM_PROVISIONER_POLICY": policy(environments={"development": {"approval": ["provision", "update"]}}),
}


def plan_then_want(stack: Stack, directory: Path, name: str, method: str, body: dict[str, Any]) -> dict[str, Any]:
    """Ask for something of which the plan is pinned before the policy wants approval of it; give how it ended."""
    pinned = stack.control.hold(
        NewHold(service="blob_storage", method="PUT", path=f"/{name}/.*/plan.json", phase="after")
    )
    with deployed(stack, directory, {}) as before:
        asked = Portal(before).send(method, f"hsms/{name}", json=body)
        assert asked.status_code == 202, asked.text
        assert stack.control.await_hold(pinned, 30)
    stack.control.release(pinned)
    with deployed(stack, directory, WANTING) as after:
        return Portal(after).follow(asked.json()["id"])


def test_what_needs_approval_only_since_it_was_planned_makes_no_hsm_and_asks_for_it_the_next_time(
    stack: Stack, hsm_name: str, custodians: list[Custodian], tmp_path: Path
) -> None:
    body = request_for(stack, custodians)
    operation = plan_then_want(stack, tmp_path / "host", hsm_name, "PUT", body)
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "approval_needed")
    assert stack.control.hsms() == []
    with deployed(stack, tmp_path / "host", WANTING) as after:
        portal = Portal(after)
        assert problem(portal.put_hsm(hsm_name, body)) == (400, "requested_by_missing")
        waiting = ask(portal, hsm_name, {**body, "requestedBy": REQUESTER})
        assert Person(after, 2, ["Hsm.Approve"]).decide(waiting, "approve").status_code == 200
        assert portal.follow(waiting["id"])["status"] == "Succeeded"


def test_what_needs_approval_only_since_it_was_planned_exports_nothing_of_an_hsm_that_is_there(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian], tmp_path: Path
) -> None:
    body = request_for(stack, custodians)
    stack.control.change_timing(2, 0.6)
    made = portal.put_hsm(hsm_name, body).json()["id"]
    await_step(portal, made, "await_ready")
    assert portal.send("POST", f"operations/{made}/cancel").status_code == 202
    assert portal.follow(made)["status"] == "Canceled"
    await_state(portal, hsm_name, "NotActivated")
    operation = plan_then_want(stack, tmp_path / "host", hsm_name, "PUT", body)
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "approval_needed")
    assert operation["exists"]["hsm"]["state"] == "NotActivated"
    assert stack.control.exports(hsm_name) == []


def test_a_change_that_needs_approval_only_since_it_was_planned_is_not_made(
    stack: Stack, portal: Portal, hsm_name: str, custodians: list[Custodian], tmp_path: Path
) -> None:
    assert portal.follow(portal.put_hsm(hsm_name, request_for(stack, custodians)).json()["id"])["status"] == "Succeeded"
    operation = plan_then_want(stack, tmp_path / "host", hsm_name, "PATCH", {"tags": {"owner": "team-z"}})
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "approval_needed")
    assert portal.send("GET", f"hsms/{hsm_name}").json()["tags"] == {"owner": "team-a"}
