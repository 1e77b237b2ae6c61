"""A provision under faults that last ends Failed with the error that tells which, and creates nothing needlessly."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from local.azure.control.client import ControlClient
from local.azure.control.models import NewFault, ServiceName
from local.azure.core.faults import Answer, BrokenBody, Effect, Reset
from local.stack import Stack, running_stack
from tests.custodians import Custodian
from tests.faults.lanes import Lane, Subject

pytestmark = pytest.mark.faults

FOREVER: Final = 10_000
DEADLINE_MINUTES: Final = 0.5


class Case(NamedTuple):
    """What goes wrong for good, where the operation ends, and with which error."""

    service: ServiceName
    method: str
    path: str
    effect: Effect
    step: str
    code: str
    created: bool = False
    host: str = ""


HSM_PATH: Final = "/managedHSMs/{name}"
REFUSED, FORBIDDEN = Answer(status=400), Answer(status=403)
BROKEN, GARBLED = Answer(status=500), BrokenBody(form="not_json")
THROTTLED, BREAKING = Answer(status=429, retry_after_seconds=1), Reset(phase="before")
NO_CAPACITY = Answer(status=503, code="503")
CASES: Final = {
    "a plan that cannot be written": Case(
        "blob_storage", "PUT", "/{name}/.*/plan.json", FORBIDDEN, "preflight", "azure_forbidden"
    ),
    "a vault that refuses": Case("key_vault", "GET", "/certificates/{name}", FORBIDDEN, "preflight", "azure_forbidden"),
    "a resource group that is refused": Case(
        "resource_manager", "PUT", "/resourcegroups/{group}", REFUSED, "create_resource_group", "azure_refused"
    ),
    "an HSM that is refused": Case("resource_manager", "PUT", HSM_PATH, REFUSED, "provision_hsm", "azure_refused"),
    "an HSM that is forbidden": Case(
        "resource_manager", "PUT", HSM_PATH, FORBIDDEN, "provision_hsm", "azure_forbidden"
    ),
    "a region without capacity": Case(
        "resource_manager", "PUT", HSM_PATH, NO_CAPACITY, "provision_hsm", "region_without_capacity"
    ),
    "ARM without patience": Case("resource_manager", "PUT", HSM_PATH, THROTTLED, "provision_hsm", "azure_throttled"),
    "a connection to ARM that always breaks": Case(
        "resource_manager", "PUT", HSM_PATH, BREAKING, "provision_hsm", "azure_unreachable"
    ),
    "ARM broken": Case("resource_manager", "PUT", HSM_PATH, BROKEN, "provision_hsm", "azure_unavailable"),
    "a data plane that forbids": Case(
        "managed_hsm",
        "POST",
        "/download",
        FORBIDDEN,
        "download_security_domain",
        "azure_forbidden",
        created=True,
        host="{name}",
    ),
    "a data plane behind a gateway's page": Case(
        "managed_hsm",
        "POST",
        "/download",
        GARBLED,
        "download_security_domain",
        "azure_unreadable",
        created=True,
        host="{name}",
    ),
    "an archive that takes no security domain": Case(
        "blob_storage",
        "PUT",
        "/{name}/.*/security-domain.json",
        FORBIDDEN,
        "download_security_domain",
        "azure_forbidden",
        created=True,
    ),
    "an activation that nobody tells of": Case(
        "managed_hsm",
        "GET",
        "/download/pending",
        REFUSED,
        "await_activation",
        "azure_refused",
        created=True,
        host="{name}",
    ),
}


@pytest.fixture(scope="module")
def short_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    directory: Path = tmp_path_factory.mktemp("lasting") / "run"
    settings = {"HSM_PROVISIONER_DEADLINE_MINUTES": str(DEADLINE_MINUTES)}
    with running_stack(directory, provisioning_seconds=0.3, activation_seconds=0.3, settings=settings) as running:
        yield running


def test_each_lasting_fault_ends_with_its_error(short_stack: Stack, keys: list[Custodian]) -> None:
    lanes = [Lane(short_stack, keys, number) for number in range(len(CASES))]
    with ThreadPoolExecutor(len(CASES)) as pool:
        problems = dict(zip(CASES, pool.map(find_problem, lanes, CASES.values()), strict=True))
    assert {name: problem for name, problem in problems.items() if problem} == {}


def find_problem(lane: Lane, case: Case) -> str:
    subject = lane.subject()
    lane.stack.control.inject_fault(
        NewFault(
            service=case.service,
            method=case.method,
            host=case.host.format(**subject._asdict()),
            path=case.path.format(**subject._asdict()),
            count=FOREVER,
            effect=case.effect,
        )
    )
    operation = lane.provision(subject)
    failed = [step["name"] for step in operation.get("steps", []) if step["status"] == "Failed"]
    ended = (operation["status"], failed, operation.get("error", {}).get("code"))
    if ended != ("Failed", [case.step], case.code):
        return str((ended, operation.get("error")))
    if not operation["error"]["advice"]:
        return "it has no advice"
    return "" if count_hsms(lane.stack, subject) == case.created else "an HSM exists that should not, or is missing"


def count_hsms(stack: Stack, subject: Subject) -> int:
    return sum(hsm["name"] == subject.name for hsm in stack.control.hsms())


def never_provision(control: ControlClient) -> None:
    control.change_timing(provisioning_seconds=1e9)


def never_activate(control: ControlClient) -> None:
    control.change_timing(activation_seconds=1e9)


def always_fail_to_export(control: ControlClient) -> None:
    control.queue_export_outcomes(*["Failed"] * 5)


def fail_to_provision(control: ControlClient) -> None:
    control.fail_provisioning(1)


@pytest.mark.parametrize(
    ("arrange", "step", "code"),
    [
        (fail_to_provision, "await_ready", "provisioning_failed"),
        (never_provision, "await_ready", "deadline_exceeded"),
        (always_fail_to_export, "await_activation", "export_failed"),
        (never_activate, "await_activation", "deadline_exceeded"),
    ],
)
def test_an_hsm_that_does_not_come_to_its_end_ends_the_operation_and_is_resumed_by_the_same_request(
    arrange: Callable[[ControlClient], None], step: str, code: str, short_stack: Stack, keys: list[Custodian]
) -> None:
    control = short_stack.control
    lane = Lane(short_stack, keys, 100 + len(control.hsms()))
    subject = lane.subject()
    arrange(control)
    operation = lane.provision(subject)
    failed = [item["name"] for item in operation["steps"] if item["status"] == "Failed"]
    assert (operation["status"], failed, operation["error"]["code"]) == ("Failed", [step], code)
    assert count_hsms(short_stack, subject) == 1
    control.change_timing(0.3, 0.3)
    control.change_clock(advance_seconds=2e9)
    resumed = lane.provision(subject)
    assert resumed["status"] == "Succeeded", resumed
    assert count_hsms(short_stack, subject) == 1
