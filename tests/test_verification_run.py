"""The scheduled verification of all stored security domains: what is found, what goes wrong, and that it runs once."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from durabletask.client import OrchestrationStatus, TaskHubGrpcClient

from activities.registration import run_activity
from clients import resource_manager, verification_runs
from clients.blob_lists import list_page
from domain.hsm import Hsm
from domain.records import Claim, HsmRecord
from domain.verification_runs import VERIFICATION_INSTANCE
from local.azure.control.models import NewFault
from local.azure.core.faults import Answer, Delay
from local.portal import Portal
from local.stack import Stack, running_stack
from tests import stored
from tests.custodians import Custodian
from tests.hosts import log_lines
from tests.in_process import signed_in_as_the_app
from tests.people import Person
from tests.planting import ULID, plant, plant_blob, plant_copy
from tests.test_approval import durable
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


def counted(**counts: int) -> dict[str, int]:
    names = ("verified", "failed", "critical", "warning", "unknown", "withoutSecurityDomain")
    return {**dict.fromkeys(names, 0), **counts}


def run_once(stack: Stack) -> dict[str, Any]:
    before = read_runs(stack)
    stack.host.fire(FUNCTION)
    return await_end(stack, before)


def test_all_are_verified_and_each_key_is_asked_for_once(fleet: Stack) -> None:
    assert read_runs(fleet) == {"running": False}
    since = len(fleet.control.journal("key_vault"))
    run = run_once(fleet)
    assert run["counts"] == counted(verified=46)
    assert (run["complete"], run["critical"], run["failed"], run["withoutSecurityDomain"]) == (True, [], [], [])
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
    assert run["counts"] == counted(verified=45, failed=2, critical=1, unknown=1)
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
    assert run["counts"] == counted(verified=47, warning=1)


@contextmanager
def kept(stack: Stack, *paths: str) -> Iterator[None]:
    """Put back what lies there, or that nothing does."""
    contents = []
    for blob in (fleet_container(stack).get_blob_client(path) for path in paths):
        found = blob.download_blob() if blob.exists() else None
        contents.append((blob, (found.readall(), found.properties.metadata) if found else None))
    try:
        yield
    finally:
        for blob, content in contents:
            if content:
                blob.upload_blob(content[0], overwrite=True, metadata=content[1])
            else:
                blob.delete_blob()


def plant_without(stack: Stack, name: str, **changes: Any) -> None:
    """Plant a record like the source's, of which no security domain is stored."""
    content = fleet_container(stack).download_blob(f"hsms/{SOURCE}").readall()
    record = HsmRecord.model_validate_json(content)
    path = record.resource_id.removesuffix(SOURCE)
    members = {"hsm": name, "resource_id": f"{path}{name}", "security_domain": None, **changes}
    plant(stack, HsmRecord.model_validate({**dict(record), **members}))


def find_hsm(stack: Stack, name: str) -> Hsm:
    hsm = resource_manager.find_hsm(stack.azure.endpoints.subscription_id, "rg-hsm", name)
    assert hsm
    return hsm


def test_an_active_hsm_without_a_security_domain_is_an_alarm_and_no_other_is(fleet: Stack, directory: Path) -> None:
    adopted, gone, waiting = "fleet-40", "fleet-05", "fleet-waiting"
    with signed_in_as_the_app(fleet), kept(fleet, *(f"hsms/{name}" for name in (SOURCE, adopted, gone, waiting))):
        source = HsmRecord.model_validate_json(fleet_container(fleet).download_blob(f"hsms/{SOURCE}").readall())
        resource_manager.put_hsm(waiting, source.request)
        plant_without(fleet, waiting, made_at=find_hsm(fleet, waiting).made_at)
        plant_without(fleet, adopted, made_at=find_hsm(fleet, adopted).made_at, adopted=True)
        plant_without(fleet, gone)
        plant_without(fleet, SOURCE)
        run = run_once(fleet)
    assert (run["counts"]["withoutSecurityDomain"], run["withoutSecurityDomain"]) == (2, [adopted, SOURCE])
    assert (run["complete"], run["counts"]["verified"], run["counts"]["failed"]) == (True, 43, 0)
    found = {
        blob.name.removeprefix("verification-findings/"): blob.metadata["finding"]
        for blob in fleet_container(fleet).list_blobs("verification-findings/", include=["metadata"])
    }
    assert (found[gone], found[waiting]) == ("Gone", "NotActive")
    told = [line for line in log_lines(directory / "host") if "no security domain of it is stored" in line]
    assert len(told) == 2
    assert [SOURCE in line for line in told] == ["it was taken over" not in line for line in told]


@pytest.mark.parametrize(
    ("kind", "age", "finding", "looks"),
    [
        ("provision", timedelta(hours=1), "BeingMade", 0),
        ("restore", timedelta(hours=1), "BeingMade", 0),
        # Somebody ended it from outside: it would keep the claim for ever.
        ("provision", timedelta(days=2), "WithoutSecurityDomain", 1),
        # They bring none.
        ("update", timedelta(hours=1), "WithoutSecurityDomain", 1),
        ("adopt", timedelta(hours=1), "WithoutSecurityDomain", 1),
    ],
)
def test_only_an_operation_that_makes_it_explains_that_it_has_none(
    fleet: Stack, kind: str, age: timedelta, finding: str, looks: int
) -> None:
    with signed_in_as_the_app(fleet), kept(fleet, f"hsms/{SOURCE}", f"claims/{SOURCE}"):
        claim = Claim.model_validate_json(fleet_container(fleet).download_blob(f"claims/{SOURCE}").readall())
        claimed_at = datetime.now(UTC) - age
        running = {"kind": kind, "claimed_at": claimed_at, "state": "running"}
        plant(fleet, Claim.model_validate({**dict(claim), **running}))
        plant_without(fleet, SOURCE)
        since = len(fleet.control.journal("resource_manager"))
        assert run_activity("verify_kept_security_domain", {"hsm": SOURCE})["status"] == "done"
        asked = fleet.control.journal("resource_manager")[since:]
    blob = fleet_container(fleet).get_blob_client(f"verification-findings/{SOURCE}")
    assert blob.get_blob_properties().metadata["finding"] == finding
    assert len([entry for entry in asked if "managedHSMs" in entry["path"]]) == looks


def start(stack: Stack, instance: str, given: object) -> OrchestrationStatus:
    """Start the run as whoever holds the host's keys can, and wait for its end."""
    assert durable(stack, f"orchestrators/security_domain_verification/{instance}", given).ok
    with TaskHubGrpcClient(host_address=stack.host.durable_address) as engine:
        state = engine.wait_for_orchestration_completion(instance, timeout=60)
    assert state
    return state.runtime_status


def test_whoever_holds_the_hosts_keys_has_nothing_recorded_that_is_not_true(fleet: Stack) -> None:
    before = read_runs(fleet)
    counts = {"verified": 1000, "failed": 0, "critical": 0, "warning": 0, "unknown": 0}
    with signed_in_as_the_app(fleet):
        marker = list_page("hsm-records", "hsms/", "", 40).marker
        forged = {"startedAt": "2000-01-01T00:00:00+00:00", "marker": marker, "counts": counts, "critical": []}
        since = len(fleet.control.journal("blob_storage"))
        # Of another instance nothing comes, and of one that never began no record.
        assert start(fleet, "forged", forged) == OrchestrationStatus.COMPLETED
        assert fleet.control.journal("blob_storage")[since:] == []
        assert start(fleet, VERIFICATION_INSTANCE, forged) == OrchestrationStatus.COMPLETED
        assert read_runs(fleet) == before
        # A run that somebody ended leaves that it began; what it looked at and did not is told as it is.
        time.sleep(1.1)
        verification_runs.begin_run()
        began = verification_runs.find_begin()
        assert began
        future = {**forged, "startedAt": "2999-01-01T00:00:00+00:00"}
        assert start(fleet, VERIFICATION_INSTANCE, future) == OrchestrationStatus.COMPLETED
        assert verification_runs.find_begin() is None
    run = read_runs(fleet)["lastRun"]
    assert (run["complete"], run["counts"]["verified"], run["counts"]["failed"]) == (False, 6, 41)
    assert datetime.fromisoformat(run["startedAt"]) == began
    assert run["seconds"] < 60


def test_what_was_found_is_listed_page_by_page(fleet: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    with signed_in_as_the_app(fleet):
        whole = list(verification_runs.looked_at_since(datetime(2026, 1, 1, tzinfo=UTC)))
        monkeypatch.setattr(verification_runs, "_PAGE", 7)
        assert list(verification_runs.looked_at_since(datetime(2026, 1, 1, tzinfo=UTC))) == whole
        later = datetime.now(UTC) + timedelta(hours=1)
        assert [looked.hsm for looked in verification_runs.looked_at_since(later)] == [looked.hsm for looked in whole]
        assert {looked.finding for looked in verification_runs.looked_at_since(later)} == {None}
    assert len(whole) == 47
    assert all(looked.finding for looked in whole)


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
