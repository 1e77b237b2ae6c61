"""The clocks of the local Azure and the local host, moved on together."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from local.azure.control.models import NewFault
from local.azure.core.faults import Answer
from local.portal import Portal
from local.stack import Stack, running_stack
from tests.custodians import Custodian, request_for

DAY: Final = timedelta(days=1)
STEP_SECONDS: Final = 1800.0


@pytest.fixture
def stack_of_its_own(tmp_path: Path) -> Iterator[Stack]:
    """Time does not go back, which the stack of the other tests could not bear."""
    settings = {"HSM_PROVISIONER_DEADLINE_MINUTES": "3000", "HSM_PROVISIONER_POLL_SECONDS": "600"}
    with running_stack(
        tmp_path / "run",
        provisioning_seconds=DAY.total_seconds(),
        activation_seconds=60,
        settings=settings,
        control=True,
    ) as running:
        yield running


def test_a_provision_that_takes_a_day_takes_seconds(stack_of_its_own: Stack, custodians: list[Custodian]) -> None:
    stack = stack_of_its_own
    portal = Portal(stack)
    began = time.monotonic()
    response = portal.put_hsm("hsm-of-a-day", request_for(stack, custodians))
    assert response.status_code == 202, response.text
    operation = response.json()
    while operation["status"] not in ("Succeeded", "Failed"):
        assert time.monotonic() - began < 90, operation
        stack.pass_time(STEP_SECONDS)
        time.sleep(0.2)
        operation = portal.operation(operation["id"])
    assert operation["status"] == "Succeeded", operation
    ready = next(step for step in operation["steps"] if step["name"] == "await_ready")
    waited = datetime.fromisoformat(ready["finishedAt"]) - datetime.fromisoformat(ready["startedAt"])
    assert DAY * 0.9 < waited < DAY * 1.2


def test_an_operation_is_recorded_hours_after_it_ended(stack_of_its_own: Stack, custodians: list[Custodian]) -> None:
    stack = stack_of_its_own
    stack.control.change_timing(0.6, 0.6)
    portal = Portal(stack)
    fault = stack.control.inject_fault(
        NewFault(
            service="blob_storage",
            method="PUT",
            path="/hsm-records/operations/hsm-of-hours",
            count=1000,
            effect=Answer(status=400),
        )
    )
    response = portal.put_hsm("hsm-of-hours", request_for(stack, custodians))
    assert response.status_code == 202, response.text
    operation = pass_until(stack, portal, response.json(), lambda seen: count_recordings(seen) > 20)
    assert operation["status"] == "Running", operation
    stack.control.remove_fault(fault)
    operation = pass_until(stack, portal, operation, lambda seen: seen["status"] != "Running")
    assert operation["status"] == "Succeeded", operation
    assert operation["steps"][-1]["status"] == "Succeeded"
    assert portal.send("GET", "hsms/hsm-of-hours").json()["lastOperation"]["status"] == "Succeeded"


def count_recordings(operation: dict[str, Any]) -> int:
    return int(operation["steps"][-1]["attempts"])


def pass_until(
    stack: Stack, portal: Portal, operation: dict[str, Any], reached: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """Let time pass until an operation is as wanted, or has ended."""
    deadline = time.monotonic() + 90
    while not reached(operation) and operation["status"] in ("NotStarted", "Running"):
        assert time.monotonic() < deadline, operation
        stack.pass_time(600)
        time.sleep(0.2)
        operation = portal.operation(operation["id"])
    return operation
