"""The clean-up of a fleet, half of it not ours: exactly what is due is deleted and purged, once, and nothing else."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from durabletask.client import TaskHubGrpcClient

from activities import delete_old_records as old_records
from activities import tidy_resource_groups as tidying
from activities.begin_cleanup import Nothing
from activities.choose_due_hsms import choose_due_hsms
from activities.claim_due_hsm import claim_due_hsm
from activities.delete_old_records import AskedRecords, delete_old_records
from activities.list_hsm_page import AskedPage
from clients import archive, cleanup, needed_groups
from clients.blob_lists import BlobPage, list_page
from clients.blobs import list_blobs, put_blob
from clients.credential import OwnIdentity, own_identity
from domain.cleanup import PLAIN, Warned
from domain.cleanup_reports import JudgedHsm
from domain.decommissioning import Decommissioned
from domain.holds import Hold
from domain.names import CLEANUP_INSTANCE
from domain.outcomes import AskedHsm
from domain.records import Claim
from domain.settings import deployment_policy, settings
from domain.verification_runs import VERIFICATION_INSTANCE
from local.azure.control.models import NewHold, PlantedHsm
from local.policy import policy
from local.portal import Portal
from local.stack import Stack, running_stack
from tests.custodians import Custodian, request_for
from tests.hosts import deployed
from tests.in_process import signed_in_as_the_app
from tests.kills import kill
from tests.people import Person, await_step
from tests.planting import ULID, make_claim, make_record, plant, plant_blob, principal

FUNCTION: Final = "start_fleet_cleanup"
NOW: Final = datetime.now(UTC).replace(microsecond=0)
LONG_AGO: Final = NOW - timedelta(days=40)
EXPIRED: Final = NOW - timedelta(days=2)
SOON: Final = NOW + timedelta(days=2)
DELETED: Final = NOW - timedelta(days=20)
OTHERS: Final = "00000000-0000-4000-8000-00000000beef"
GROUP: Final = "rg-fleet"
ENVIRONMENTS: Final = {
    "ephemeral": {"purgeAllowed": True},
    "development": {},
    "guarded": {"approval": ["decommission"]},
}
LIMITS: Final = {"enforce": True, "maximumDeletions": 50, "maximumPurges": 50}


class Kind(NamedTuple):
    """So many HSMs of a kind, and what is to become of them; `live` and `record` change what is planted and kept."""

    many: int
    verdict: tuple[str, str, bool] | None
    environment: str = "ephemeral"
    state: str = "NotActivated"
    live: dict[str, Any] = {}  # noqa: RUF012 - nothing ever changes it
    record: dict[str, Any] | None = {}  # noqa: RUF012
    expires_at: datetime | None = None
    warned: bool = False
    held: bool = False
    running: bool = False


def ended(deleted_at: datetime = DELETED, *, was_active: bool = False) -> dict[str, Any]:
    return {
        "decommissioned": Decommissioned(
            operation_id="o", asked_at=deleted_at, was_active=was_active, deleted_at=deleted_at
        )
    }


GONE: Final = {"deleted_at": DELETED}
FORGED: Final = {"createdBy": "hsm-provisioner", "expiresAt": "2020-01-01T00:00:00Z", "team": "team-a"}
KINDS: Final[dict[str, Kind]] = {
    "used": Kind(49, ("keep", "not_due", False), environment="development", state="Active"),
    "tagged": Kind(10, ("keep", "not_due", False), state="Active", live={"tags": FORGED}),
    "lasting": Kind(20, ("keep", "not_due", False), state="Active", expires_at=NOW + timedelta(days=30)),
    "expiring": Kind(10, ("warn", "expiring", False), state="Active", expires_at=SOON),
    "unwarned": Kind(8, ("warn", "expired", False), state="Active", expires_at=EXPIRED),
    "expired": Kind(4, ("delete", "expired", False), state="Active", expires_at=EXPIRED, warned=True),
    "idle": Kind(4, ("delete", "never_activated", True), expires_at=SOON),
    "failed": Kind(2, ("delete", "never_activated", True), state="Failed", record={"made_at": None}),
    "keepsake": Kind(2, ("delete", "never_activated", False), environment="development"),
    "guarded": Kind(1, ("delete", "never_activated", False), environment="guarded"),
    "young": Kind(8, ("keep", "not_due", False), live={"created_at": NOW}, record={"made_at": NOW}),
    "held": Kind(6, ("keep", "on_hold", False), held=True),
    "busy": Kind(4, ("keep", "operation_running", False), running=True),
    "locked": Kind(1, ("keep", "locked", False)),
    "rotten": Kind(3, ("purge", "deleted_long_ago", True), live=GONE, record=ended()),
    "once": Kind(1, ("purge", "deleted_long_ago", True), live=GONE, record=ended(was_active=True)),
    "fresh": Kind(4, ("keep", "deleted_lately", False), live={"deleted_at": NOW}, record=ended(NOW)),
    "shielded": Kind(
        3, ("keep", "purge_protected", False), live={**GONE, "enable_purge_protection": True}, record=ended()
    ),
    "binned": Kind(3, ("keep", "purge_not_allowed", False), environment="development", live=GONE, record=ended()),
    "away": Kind(7, ("keep", "gone", False), live={"absent": True}),
    # Not ours, whatever they say of themselves.
    "strange": Kind(70, None, live={"created_by": OTHERS, "tags": FORGED}, record=None),
    "forged": Kind(30, None, live={"tags": FORGED}, record=None),
    "again": Kind(
        20, ("keep", "not_ours", False), live={"created_by": OTHERS, "created_at": LONG_AGO + timedelta(days=1)}
    ),
    "theirs": Kind(10, ("keep", "not_ours", False), live={"created_by": OTHERS}),
    "elsewhere": Kind(
        20, ("keep", "deletion_not_ours", False), live=GONE, record=ended(DELETED - timedelta(seconds=1))
    ),
}
DUE: Final = {kind for kind, wanted in KINDS.items() if wanted.verdict and wanted.verdict[0] in ("delete", "purge")}


def names(*kinds: str) -> list[str]:
    return [f"{kind}-{number:02}" for kind in kinds for number in range(KINDS[kind].many)]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, custodians: list[Custodian]) -> Iterator[Stack]:
    """Three hundred HSMs, and a deployment whose policy deletes none of them."""
    reporting = {"HSM_PROVISIONER_POLICY": policy(environments=ENVIRONMENTS)}
    directory = tmp_path_factory.mktemp("cleanup") / "run"
    with running_stack(
        directory, provisioning_seconds=0, activation_seconds=0, settings=reporting, control=True
    ) as stack:
        stack.control.change_timing(deletion_seconds=0.1, purge_seconds=0.1)
        with signed_in_as_the_app(stack):
            ours = own_identity()
            plant_fleet(stack, ours, custodians)
        yield stack


def plant_fleet(stack: Stack, ours: OwnIdentity, custodians: list[Custodian]) -> None:
    body = request_for(stack, custodians, resourceGroup=GROUP)
    template = make_claim(stack, "template", body)
    everything = [(name, KINDS[name.rpartition("-")[0]]) for name in names(*KINDS)]
    assert len(everything) == 300
    stack.control.plant_hsms(*(planted(name, kind, ours) for name, kind in everything if "absent" not in kind.live))
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(lambda item: plant_records(stack, item[0], item[1], template), everything):
            pass
    scope = f"/subscriptions/{stack.azure.endpoints.subscription_id}/resourceGroups/{GROUP}"
    stack.control.create_lock(f"{scope}/providers/Microsoft.KeyVault/managedHSMs/locked-00", "keep-it")


def planted(name: str, kind: Kind, ours: OwnIdentity) -> PlantedHsm:
    usual = {"created_at": LONG_AGO, "created_by": ours.application_id, "state": kind.state}
    return PlantedHsm(name=name, resource_group=GROUP, **{**usual, **kind.live})


def plant_records(stack: Stack, name: str, kind: Kind, template: Claim) -> None:
    if kind.record is None:
        return
    changes = {"environment": kind.environment, "expires_at": kind.expires_at}
    claim = template.model_copy(
        update={
            "hsm": name,
            "operation_id": template.operation_id.replace("template", name),
            "request": template.request.model_copy(update=changes),
            "claimed_at": LONG_AGO,
            "state": "running" if kind.running else "ended",
        }
    )
    plant(stack, claim, make_record(claim, **kind.record))
    if kind.held:
        plant_blob(stack, f"holds/{name}", Hold(by=principal(stack), at=LONG_AGO, reason="Audited."), {})
    if kind.warned:
        warned = Warned(expires_at=EXPIRED, at=EXPIRED - timedelta(days=3))
        before = JudgedHsm(hsm=name, run="0", at=LONG_AGO, action="warn", reason="expiring", warned=warned)
        plant_blob(stack, f"cleanup/{name}", before, before.to_metadata())


def read(stack: Stack) -> dict[str, Any]:
    response = Person(stack, 911, ["Hsm.Audit"], groups=[]).send("GET", "reports/cleanup")
    assert response.status_code == 200, response.text
    document: dict[str, Any] = response.json()
    return document


def await_report(stack: Stack, before: dict[str, Any]) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while True:
        document = read(stack)
        if not document["running"] and document.get("report") != before.get("report"):
            report: dict[str, Any] = document["report"]
            return report
        assert time.monotonic() < deadline, document
        time.sleep(0.3)


def run_once(stack: Stack) -> dict[str, Any]:
    before = read(stack)
    stack.host.fire(FUNCTION)
    return await_report(stack, before)


def verdicts(report: dict[str, Any]) -> dict[str, tuple[str, str, bool]]:
    return {item["hsm"]: (item["action"], item["reason"], item["purges"]) for item in report["verdicts"]}


def expected() -> dict[str, tuple[str, str, bool]]:
    wanted = {name: KINDS[name.rpartition("-")[0]].verdict for name in names(*KINDS)}
    return {name: verdict for name, verdict in wanted.items() if verdict is not None and verdict[1] not in PLAIN}


def destroyed(stack: Stack, since: int) -> Counter[str]:
    """Count how often each HSM was asked to be deleted or purged."""
    entries = stack.control.journal("resource_manager", since=since)
    changing = [entry for entry in entries if entry["method"] in ("DELETE", "POST")]
    paths = [entry["path"].lower().removesuffix("/purge") for entry in changing]
    kinds = ("/managedhsms/", "/deletedmanagedhsms/")
    return Counter(
        f"{entry['method']} {path.rpartition('/')[2]}"
        for entry, path in zip(changing, paths, strict=True)
        if any(kind in path for kind in kinds)
    )


def last_request(stack: Stack) -> int:
    return len(stack.control.journal())


def states(stack: Stack) -> dict[str, str]:
    return {hsm["name"]: "deleted" if hsm["deleted"] else "live" for hsm in stack.control.hsms()}


def test_the_report_says_what_would_be_and_nothing_is_touched(fleet: Stack) -> None:
    assert read(fleet) == {"running": False}
    before, since = states(fleet), last_request(fleet)
    report = run_once(fleet)
    assert verdicts(report) == expected()
    recorded = [name for name, kind in KINDS.items() if kind.record is not None]
    assert (report["enforced"], report["operations"], report["unjudged"]) == (False, [], [])
    assert report["judged"] == len(names(*recorded))
    wanted = Counter(kind.verdict[1] for kind in KINDS.values() for _ in range(kind.many) if kind.verdict)
    assert report["counts"] == dict(wanted)
    idle = len(names("idle", "failed", "keepsake", "guarded", "held", "busy", "locked", "again", "theirs"))
    soft = len(names("rotten", "once", "fresh", "shielded", "binned", "elsewhere"))
    assert report["burning"] == {
        "never_activated": {"hsms": idle, "monthlyUsd": idle * 2500.0},
        "expired": {"hsms": 12, "monthlyUsd": 30000.0},
        "soft_deleted": {"hsms": soft, "monthlyUsd": soft * 2500.0},
    }
    assert report["saved"] == {"hsms": 0, "monthlyUsd": 0.0}
    assert (states(fleet), destroyed(fleet, since)) == (before, Counter())


def test_who_operates_or_audits_reads_the_report(fleet: Stack) -> None:
    roles = {"Hsm.Operate": 200, "Hsm.Audit": 200, "Hsm.Read": 403, "Hsm.Request": 403, "Hsm.Approve": 403}
    for number, (role, status) in enumerate(roles.items()):
        assert Person(fleet, 920 + number, [role]).send("GET", "reports/cleanup").status_code == status


def test_a_run_chooses_no_more_than_its_limits_and_nothing_that_is_not_due_any_more(
    fleet: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = {**LIMITS, "maximumDeletions": 3, "maximumPurges": 2}
    with signed_in_as_the_app(fleet):
        monkeypatch.setenv("HSM_PROVISIONER_POLICY", policy(environments=ENVIRONMENTS, cleanup=limits))
        settings.cache_clear()
        deployment_policy.cache_clear()
        run = cleanup.find_run()
        assert run is not None
        assert choose_due_hsms_or_code() == "not_claimed"
        cleanup.write_run(run.model_copy(update={"finished": False}))
        chosen = choose_due_hsms(Nothing()).result["hsms"]
        assert chosen == choose_due_hsms(Nothing()).result["hsms"]
        judged = [item for name in chosen if (item := cleanup.find_judged(name)) is not None]
        assert Counter(item.action for item in judged) == {"delete": 3, "purge": 2}
        assert sum(item.purges for item in judged) == 2
        # Whatever an orchestration names: what was not chosen is not begun, nor what is needed by now.
        archive.write_hold(chosen[0], Hold(by=principal(fleet), at=NOW, reason="Wait."))
        for name in (chosen[0], "used-00", "strange-00", "held-00", "again-00", "idle-03"):
            assert claim_due_hsm(AskedHsm(hsm=name)).result == {}
        archive.lift_hold(chosen[0])
        cleanup.write_run(run)
    deployment_policy.cache_clear()


def choose_due_hsms_or_code() -> str:
    from domain.errors import ServiceError

    try:
        return str(choose_due_hsms(Nothing()).result)
    except ServiceError as error:
        return error.detail.code


def test_any_other_instance_does_nothing(fleet: Stack) -> None:
    before = read(fleet)
    with TaskHubGrpcClient(host_address=fleet.host.durable_address) as engine:
        for given in (None, {"phase": "act", "marker": "", "counts": {}}):
            instance = engine.schedule_new_orchestration("fleet_cleanup", input=given)
            state = engine.wait_for_orchestration_completion(instance, timeout=30)
            assert state is not None
            assert (state.runtime_status.name, state.get_output()) == ("COMPLETED", None)
    assert read(fleet) == before


def test_the_schedule_begins_a_run_and_what_ended_long_ago_is_forgotten(fleet: Stack) -> None:
    before = read(fleet)
    # The local Azure's clock stands: it is the engine's that says what is old.
    fleet.host.advance_clock(timedelta(days=31).total_seconds())
    report = await_report(fleet, before)
    assert report["forgottenInstances"] >= 2
    with TaskHubGrpcClient(host_address=fleet.host.durable_address) as engine:
        left = {state.instance_id for state in engine.get_all_orchestration_states()}
    assert left == {CLEANUP_INSTANCE, VERIFICATION_INSTANCE}


@pytest.mark.parametrize(
    ("kind", "prefix"), [("events", "events/"), ("answers", "idempotency/"), ("onboardings", "onboarding/")]
)
def test_what_is_kept_for_some_time_is_deleted_when_old_and_kept_when_young(
    fleet: Stack, monkeypatch: pytest.MonkeyPatch, kind: Any, prefix: str
) -> None:
    beside = f"{prefix[:-1]}-beside"
    asked = AskedRecords(kind=kind)
    with signed_in_as_the_app(fleet):
        for name in (f"{prefix}one", f"{prefix}two", beside):
            put_blob("hsm-records", name, b"{}", {})
        there = set(list_blobs("hsm-records", prefix))
        run = cleanup.begin_run()
        assert delete_old_records(asked).result == {"marker": ""}
        assert set(list_blobs("hsm-records", prefix)) == there
        monkeypatch.setattr(old_records, "now", lambda: NOW + timedelta(days=31))
        assert delete_old_records(asked).result == {"marker": ""}
        assert list_blobs("hsm-records", prefix[:-1]) == [beside]
        ended_run = cleanup.require_run()
        assert (ended_run.id, getattr(ended_run, f"forgotten_{kind}")) == (run.id, len(there))
        cleanup.write_run(ended_run.model_copy(update={"finished": True}))


def test_what_is_written_anew_while_old_records_are_looked_at_stays(
    fleet: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def list_then_write(*asked: Any) -> BlobPage:
        page = list_page(*asked)
        put_blob("hsm-records", "idempotency/again", b"[]", {})
        return page

    with signed_in_as_the_app(fleet):
        for name in ("again", "old"):
            put_blob("hsm-records", f"idempotency/{name}", b"{}", {})
        cleanup.begin_run()
        monkeypatch.setattr(old_records, "now", lambda: NOW + timedelta(days=31))
        monkeypatch.setattr(old_records, "list_page", list_then_write)
        delete_old_records(AskedRecords(kind="answers"))
        assert list_blobs("hsm-records", "idempotency/") == ["idempotency/again"]
        ended_run = cleanup.require_run()
        cleanup.write_run(ended_run.model_copy(update={"finished": True}))


def test_exactly_what_is_due_is_removed_once_though_the_worker_dies(fleet: Stack, tmp_path: Path) -> None:
    since = last_request(fleet)
    enforcing = {"HSM_PROVISIONER_POLICY": policy(environments=ENVIRONMENTS, cleanup=LIMITS)}
    with deployed(fleet, tmp_path / "host", enforcing) as stack:
        report = run_through_a_death(stack)
        assert (report["enforced"], len(report["operations"])) == (True, len(names(*DUE)))
        waiting = follow_all(stack, report["operations"])
        second = run_once(stack)
        assert second["operations"] == sorted(operation["id"] for operation in waiting.values())
        assert {verdicts(second)[name][1] for name in waiting} == {"operation_running"}
        gone = names("idle", "failed", "rotten")
        assert second["saved"] == {"hsms": len(gone), "monthlyUsd": len(gone) * 2500.0}
        decide(stack, waiting)
        third = run_once(stack)
        assert (third["operations"], third["saved"]["hsms"]) == ([], 0)
        assert [verdicts(third)[name][1] for name in ("once-00", "guarded-00")] == ["tried_lately", "tried_lately"]
        assert warnings(third) == warnings(report)
    seen = states(fleet)
    assert not set(gone) & set(seen)
    assert {seen[name] for name in names("expired", "keepsake")} == {"deleted"}
    absent = {kind for kind, planted in KINDS.items() if {"deleted_at", "absent"} & planted.live.keys()}
    untouched = names(*(KINDS.keys() - absent - (DUE - {"guarded"})))
    assert {seen[name] for name in untouched} == {"live"}
    asked = {f"DELETE {name}": 1 for name in names("expired", "idle", "failed", "keepsake")}
    assert destroyed(fleet, since) == {**asked, **{f"POST {name}": 1 for name in gone}}


def run_through_a_death(stack: Stack) -> dict[str, Any]:
    """Run once; the worker dies after it claimed an HSM, and before it heard that it did."""
    before = read(stack)
    hold = stack.control.hold(NewHold(service="blob_storage", method="PUT", path="/claims/idle-01", phase="after"))
    stack.host.fire(FUNCTION)
    assert stack.control.await_hold(hold, 240)
    kill(stack, {hold: "after"})
    return await_report(stack, before)


def follow_all(stack: Stack, operations: list[str]) -> dict[str, dict[str, Any]]:
    """Wait for the end of each operation, but for those that wait for approval, which are given by their HSMs."""
    portal = Portal(stack)
    by_name = {identifier.rpartition("-")[0]: identifier for identifier in operations}
    assert set(by_name) == set(names(*DUE))
    waiting = {name: await_step(portal, by_name.pop(name), "await_approval") for name in ("once-00", "guarded-00")}
    assert {operation["origin"] for operation in waiting.values()} == {"schedule"}
    assert waiting["once-00"]["plan"]["deletion"]["wasActive"] is True
    for identifier in by_name.values():
        operation = portal.follow(identifier)
        assert operation["status"] == "Succeeded", operation
    return waiting


def decide(stack: Stack, waiting: dict[str, dict[str, Any]]) -> None:
    """Reject one, and approve another that is not what was planned any more."""
    approver, portal = Person(stack, 42, ["Hsm.Approve"]), Portal(stack)
    assert approver.decide(waiting["once-00"], "reject").status_code == 200
    stack.control.change_creation("guarded-00", created_by=OTHERS)
    assert approver.decide(waiting["guarded-00"], "approve").status_code == 200
    ends = {name: portal.follow(operation["id"])["error"]["code"] for name, operation in waiting.items()}
    assert ends == {"once-00": "approval_rejected", "guarded-00": "not_due"}


def warnings(report: dict[str, Any]) -> dict[str, Any]:
    warned = {item["hsm"]: item["warned"] for item in report["verdicts"] if item["action"] == "warn"}
    assert warned.keys() == set(names("expiring", "unwarned"))
    return warned


def test_an_empty_group_of_ours_goes_and_any_other_stays(fleet: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    subscription = fleet.azure.endpoints.subscription_id
    with signed_in_as_the_app(fleet):
        monkeypatch.setenv("HSM_PROVISIONER_POLICY", policy(environments=ENVIRONMENTS, cleanup=LIMITS))
        settings.cache_clear()
        deployment_policy.cache_clear()
        for module in (tidying, needed_groups):
            monkeypatch.setattr(module, "YOUNG", timedelta(seconds=-1))
        from clients import resource_manager

        for group in ("rg-empty", "rg-not-ours"):
            resource_manager.create_resource_group(subscription, group, "norwayeast", {})
        for group in ("rg-empty", "rg-gone", GROUP):
            archive.note_resource_group(subscription, group, f"maker-{ULID}")
        run = cleanup.begin_run()
        assert tidying.tidy_resource_groups(AskedPage()).result == {"marker": ""}
        ours = f"/subscriptions/{subscription}/resourceGroups/rg-empty"
        again = cleanup.find_run()
        assert again is not None
        assert (again.id, again.resource_groups) == (run.id, [ours])
        deadline = time.monotonic() + 30
        while resource_manager.resource_group_exists(subscription, "rg-empty"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        for group in ("rg-not-ours", GROUP):
            assert resource_manager.resource_group_exists(subscription, group)
        noted = [archive.made_resource_group(subscription, group) for group in ("rg-empty", "rg-gone", GROUP)]
        assert noted == [False, False, True]
        told = (
            Person(fleet, 911, ["Hsm.Audit"], groups=[]).send("GET", "audit", params={"hsm": "maker"}).json()["value"]
        )
        assert [(record["kind"], record["outcome"]) for record in told] == [
            ("group_deletion", "asked_deleted"),
            ("group_deletion", "deleted"),
        ]
        assert told[0]["detail"] == {"subscriptionId": subscription, "resourceGroup": "rg-empty"}
        cleanup.write_run(again.model_copy(update={"finished": True}))
    deployment_policy.cache_clear()
