"""The scheduled verification of all stored security domains: what is found, what goes wrong, and that it runs once."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from local.azure.control.models import NewFault
from local.azure.core.faults import Answer, Delay
from local.portal import Portal
from local.stack import Stack, running_stack
from tests import stored
from tests.custodians import Custodian
from tests.hosts import log_lines
from tests.people import Person
from tests.planting import ULID, plant_blob, plant_copy
from tests.test_provision import provision
from tests.test_security_domain import in_key_vault

FUNCTION: Final = "start_security_domain_verification"
SOURCE: Final = "fleet-source"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("verification") / "run"


@pytest.fixture(scope="module")
def fleet(directory: Path, custodians: list[Custodian]) -> Iterator[Stack]:
    """A stack of its own: the run goes over all that is stored."""
    with running_stack(directory, provisioning_seconds=0.2, activation_seconds=0.2) as stack:
        operation = provision(Portal(stack), SOURCE, in_key_vault(stack, custodians, SOURCE))
        assert operation["status"] == "Succeeded", operation
        for number in range(45):
            plant_copy(stack, SOURCE, f"fleet-{number:02}")
        yield stack


def read_runs(stack: Stack) -> dict[str, Any]:
    response = Person(stack, 911, ["Hsm.Audit"], groups=[]).send("GET", "security-domains/verification")
    assert response.status_code == 200, response.text
    runs: dict[str, Any] = response.json()
    return runs


def await_end(stack: Stack, before: dict[str, Any]) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while True:
        runs = read_runs(stack)
        if not runs["running"] and runs.get("lastRun") != before.get("lastRun"):
            run: dict[str, Any] = runs["lastRun"]
            return run
        assert time.monotonic() < deadline, runs
        time.sleep(0.3)


def run_once(stack: Stack) -> dict[str, Any]:
    before = read_runs(stack)
    stack.host.fire(FUNCTION)
    return await_end(stack, before)


def test_all_are_verified_and_each_key_is_asked_for_once(fleet: Stack) -> None:
    assert read_runs(fleet) == {"running": False}
    since = len(fleet.control.journal("key_vault"))
    run = run_once(fleet)
    assert run["counts"] == {"verified": 46, "failed": 0, "critical": 0, "warning": 0, "unknown": 0}
    assert (run["complete"], run["critical"], run["failed"]) == (True, [], [])
    assert run["startedAt"] <= run["finishedAt"]
    verifications = list(
        fleet_container(fleet).list_blob_names(name_starts_with="verifications/"),
    )
    assert len(verifications) == 46
    hsm = Portal(fleet).send("GET", f"hsms/{SOURCE}").json()
    assert (hsm["quorumHealth"], hsm["verifiedAt"] >= run["startedAt"]) == ("Healthy", True)
    read = [entry["path"] for entry in fleet.control.journal("key_vault")[since:] if entry["status"] == 200]
    # At most each of those that are verified at once asks, before the first answer came.
    assert 6 <= len(read) <= 6 * 20


def fleet_container(stack: Stack) -> Any:
    return stored.service(stack).get_container_client("hsm-records")


def test_what_is_wrong_with_one_is_counted_and_stops_no_other(
    fleet: Stack, directory: Path, custodians: list[Custodian]
) -> None:
    archive = stored.service(fleet).get_container_client("security-domains")
    gone, unplanned, unreadable, silent = (f"fleet-{number}" for number in ("03", "17", "21", "40"))
    archive.delete_blob(f"{gone}/{gone}-{ULID}/1/security-domain.json")
    archive.delete_blob(f"{unplanned}/{unplanned}-{ULID}/plan.json")
    plant_blob(fleet, f"hsms/{unreadable}", b"{}", {})
    fleet.control.create_vault("silent-vault")
    body = in_key_vault(fleet, custodians, "silent", "silent-vault")
    assert provision(Portal(fleet), silent, body)["status"] == "Succeeded"
    fault = NewFault(
        service="key_vault",
        host="silent-vault",
        count=10_000,
        effect=Answer(kind="answer", status=503),
    )
    identifier = fleet.control.inject_fault(fault)
    try:
        run = run_once(fleet)
    finally:
        fleet.control.remove_fault(identifier)
        for number in ("03", "17", "21"):
            plant_copy(fleet, SOURCE, f"fleet-{number}")
    assert run["counts"] == {"verified": 45, "failed": 2, "critical": 1, "warning": 0, "unknown": 1}
    assert (run["complete"], run["critical"], run["failed"]) == (True, [gone], [unplanned, unreadable])
    told = [line for line in log_lines(directory / "host") if "the security domain of " in line]
    for name in (gone, unplanned, unreadable, silent):
        assert len([line for line in told if f"the security domain of {name} " in line]) == 1, told
    assert len(told) == 4
    # The planted HSM of the silent one's name has gone, and what is stored of it is verified all the same.
    (earlier,) = fleet_container(fleet).list_blob_names(name_starts_with="verifications-before/")
    assert earlier.split("/")[1] == silent


def test_a_vault_without_purge_protection_is_a_warning(fleet: Stack) -> None:
    """Now it answers; what it says is that nothing keeps its keys from being destroyed."""
    run = run_once(fleet)
    assert run["counts"] == {"verified": 47, "failed": 0, "critical": 0, "warning": 1, "unknown": 0}


def test_a_second_start_while_one_runs_does_nothing(fleet: Stack) -> None:
    before = read_runs(fleet)
    domains = "/security-domain.json"
    slow = NewFault(service="blob_storage", method="GET", path=domains, count=5, effect=Delay(kind="delay", seconds=4))
    identifier = fleet.control.inject_fault(slow)
    since = len(fleet.control.journal("blob_storage"))
    fleet.host.fire(FUNCTION)
    deadline = time.monotonic() + 30
    while not (running := read_runs(fleet))["running"] or "progress" not in running:
        assert time.monotonic() < deadline, running
        time.sleep(0.1)
    fleet.host.fire(FUNCTION)
    run = await_end(fleet, before)
    fleet.control.remove_fault(identifier)
    assert run["counts"]["verified"] == 47
    time.sleep(2)
    assert read_runs(fleet)["lastRun"] == run
    paths = [entry["path"] for entry in fleet.control.journal("blob_storage")[since:]]
    assert len([path for path in paths if path.endswith(domains)]) == 47


def test_a_list_that_cannot_be_read_is_asked_for_again(fleet: Stack) -> None:
    fault = NewFault(
        service="blob_storage",
        method="GET",
        path="/hsm-records",
        count=1,
        effect=Answer(kind="answer", status=503),
    )
    before = read_runs(fleet)
    identifier = fleet.control.inject_fault(fault)
    fleet.host.fire(FUNCTION)
    # The first that is read is the list, unless this test is faster.
    time.sleep(3)
    assert fleet.control.remove_fault(identifier) == 1
    run = await_end(fleet, before)
    assert (run["complete"], run["counts"]["verified"]) == (True, 47)
    assert run["seconds"] >= 5


def test_who_operates_or_audits_reads_what_was_found(fleet: Stack) -> None:
    for number, (role, status) in enumerate(
        {"Hsm.Operate": 200, "Hsm.Audit": 200, "Hsm.Read": 403, "Hsm.Request": 403, "Hsm.Approve": 403}.items()
    ):
        person = Person(fleet, 920 + number, [role])
        assert person.send("GET", "security-domains/verification").status_code == status
