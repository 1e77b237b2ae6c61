"""Approval and time: what nobody decides on expires, a lost event is found, a month of waiting leaves little."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest
from durabletask.client import TaskHubGrpcClient

from domain.names import approval_instance_id
from local.azure.control.models import NewHold
from local.policy import policy
from local.portal import Portal
from local.stack import Stack, running_stack
from tests import stored
from tests.custodians import Custodian, request_for
from tests.people import Person, await_step

HOUR: Final = 3600.0
LONGEST: Final = 30 * 24


@pytest.fixture
def stack_of_its_own(tmp_path: Path) -> Iterator[Stack]:
    """Time does not go back, so each test has its own."""
    before = dict(os.environ)
    rules = policy(approval={"kinds": ["provision"], "expiresAfterHours": LONGEST})
    settings = {"HSM_PROVISIONER_POLICY": rules, "HSM_PROVISIONER_DEADLINE_MINUTES": "60"}
    with running_stack(
        tmp_path / "run", provisioning_seconds=0.6, activation_seconds=0.6, settings=settings, control=True
    ) as running:
        yield running
    os.environ.clear()
    os.environ.update(before)


def ask(stack: Stack, custodians: list[Custodian]) -> tuple[Person, dict[str, Any]]:
    requester = Person(stack, 1, ["Hsm.Request"])
    response = requester.put_hsm("hsm-in-time", request_for(stack, custodians))
    assert response.status_code == 202, response.text
    return requester, await_step(requester, response.json()["id"], "await_approval")


def pass_hours(stack: Stack, portal: Portal, operation_id: str, hours: int) -> dict[str, Any]:
    """Let hours pass, each time that the orchestration sleeps, unless the operation ends."""
    for _ in range(hours // 6):
        stack.pass_time(6 * HOUR)
        time.sleep(0.15)
    return portal.operation(operation_id)


def count_events(stack: Stack, instance_id: str) -> int:
    with TaskHubGrpcClient(host_address=stack.host.durable_address) as client:
        return len(client.get_orchestration_history(instance_id))


def test_what_nobody_decides_on_expires_and_the_history_of_a_month_is_short(
    stack_of_its_own: Stack, custodians: list[Custodian]
) -> None:
    stack = stack_of_its_own
    requester, waiting = ask(stack, custodians)
    nearly = pass_hours(stack, requester, waiting["id"], LONGEST - 12)
    assert nearly["status"] == "Running"
    pass_hours(stack, requester, waiting["id"], 24)
    expired = requester.follow(waiting["id"])
    assert (expired["status"], expired["error"]["code"]) == ("Failed", "approval_expired")
    assert expired["approval"]["decision"] == "expired"
    assert "decidedBy" not in expired["approval"]
    assert set(expired["exists"]) == {"resume"}
    asked = next(step["attempts"] for step in expired["steps"] if step["name"] == "await_approval")
    assert 30 < asked < 150
    histories = [count_events(stack, instance) for instance in ("hsm-hsm-in-time", approval_instance_id(waiting["id"]))]
    assert max(histories) < 60
    late = Person(stack, 2, ["Hsm.Approve"]).decide(waiting, "approve")
    assert (late.status_code, late.json()["code"]) == (409, "approval_expired")
    assert stack.control.hsms() == []
    again = requester.put_hsm("hsm-in-time", request_for(stack, custodians)).json()
    assert again["id"] != waiting["id"]


def test_a_decision_whose_event_was_lost_is_found_and_the_deadline_counts_from_it(
    stack_of_its_own: Stack, custodians: list[Custodian]
) -> None:
    stack = stack_of_its_own
    requester, waiting = ask(stack, custodians)
    pass_hours(stack, requester, waiting["id"], 48)
    approver = Person(stack, 2, ["Hsm.Approve"])
    # What an approver's request leaves behind whose worker dies before it raises the event.
    name = f"hsm-in-time/{waiting['id']}/approval.json"
    blob = stored.service(stack).get_blob_client("security-domains", name)
    tenant = stack.azure.endpoints.tenant_id
    blob.upload_blob(
        f'{{"decision":"approved","planSha256":"{waiting["approval"]["planSha256"]}","at":"2026-01-01T00:00:00Z",'
        f'"by":{{"tenantId":"{tenant}","objectId":"{approver.object_id}","kind":"person"}}}}'
    )
    time.sleep(1)
    assert requester.operation(waiting["id"])["status"] == "Running"
    stack.pass_time(6 * HOUR)
    operation = requester.follow(waiting["id"])
    assert operation["status"] == "Succeeded", operation


def test_at_the_last_moment_one_decision_is_written(stack_of_its_own: Stack, custodians: list[Custodian]) -> None:
    stack = stack_of_its_own
    requester, waiting = ask(stack, custodians)
    writing = stack.control.hold(
        NewHold(service="blob_storage", method="PUT", path=f"/{waiting['id']}/approval.json", phase="before")
    )
    approver = Person(stack, 2, ["Hsm.Approve"])
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(approver.decide, waiting, "approve")
        assert stack.control.await_hold(writing, 30)
        stack.pass_time((LONGEST + 1) * HOUR)
        expired = requester.follow(waiting["id"])
        stack.control.release(writing)
    assert (answer.result().status_code, answer.result().json()["code"]) == (409, "approval_expired")
    assert expired["error"]["code"] == "approval_expired"
    assert requester.operation(waiting["id"])["approval"]["decision"] == "expired"
