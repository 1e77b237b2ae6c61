"""Drift in a fleet: each kind that is planted is found, and what the policy lets is put right; tombstones stay dead."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import pytest
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.keyvault.models import ManagedHsm
from durabletask.client import TaskHubGrpcClient

from activities.find_unrecorded import find_unrecorded
from activities.list_hsm_page import AskedPage
from activities.report_reconciliation import report_reconciliation
from clients import archive, many_subscriptions, reconciliation
from clients.claims import Due, claim_what_is_due
from clients.credential import OwnIdentity, own_identity
from domain.changes import InPlaceChange
from domain.decommissioning import Decommissioned
from domain.drift_findings import Drift, DriftFinding, Healing, ReconciliationReport
from domain.errors import ServiceError
from domain.holds import Hold
from domain.names import RECONCILIATION_INSTANCE
from domain.outcomes import Nothing
from domain.reconciliation import HEALABLE
from domain.records import Claim, Receipt, RestoredFrom
from domain.requests import NetworkRequest
from domain.verifications import Verification
from local.azure.control.models import NewFault, NewHold, PlantedHsm
from local.azure.core.faults import Answer
from local.policy import policy
from local.portal import Portal
from local.stack import Stack, running_stack
from tests import stored
from tests.custodians import ADMINISTRATOR, Custodian, request_for
from tests.in_process import signed_in_as_the_app
from tests.kills import kill
from tests.people import Person, await_step
from tests.planting import make_claim, make_record, plant, plant_blob, principal

FUNCTION: Final = "start_fleet_reconciliation"
NOW: Final = datetime.now(UTC).replace(microsecond=0)
LONG_AGO: Final = NOW - timedelta(days=40)
OTHERS: Final = "00000000-0000-4000-8000-00000000beef"
GROUP: Final = "rg-fleet"
TAGS: Final = {"owner": "team-a"}
CLOSED: Final = NetworkRequest(default_action="Deny")
# In a deployment whose topic takes nothing, events stay where they were kept.
TOPIC: Final = "https://hsm-events.norwayeast-1.eventgrid.azure.net/api/events"
MOST: Final = 6
POLICY: Final = policy(
    environments={"development": {}, "guarded": {"approval": ["update"]}},
    reconciliation={"heal": sorted(HEALABLE), "maximumHeals": MOST},
)


class Kind(NamedTuple):
    """An HSM, and how it differs; `live`, `record` and `request` change what is planted and kept of a well one."""

    drift: Drift | None = None
    live: dict[str, Any] | None = {}  # noqa: RUF012 - nothing ever changes it
    record: dict[str, Any] = {}  # noqa: RUF012
    request: dict[str, Any] = {}  # noqa: RUF012
    verification: dict[str, Any] | None = {}  # noqa: RUF012
    held: bool = False
    running: bool = False
    left: bool = False


def ended(**changes: Any) -> dict[str, Any]:
    usual = {"operation_id": "o", "asked_at": LONG_AGO, "was_active": True, "deleted_at": LONG_AGO}
    return {"decommissioned": Decommissioned(**{**usual, **changes})}


UNSTORED: Final[dict[str, Any]] = {"security_domain": None}
RESTORED: Final = {
    "made_for_restore": True,
    "restored_from": RestoredFrom(hsm="closed", operation_id="o", sha256="0"),
}
OPEN: Final[dict[str, Any]] = {"request": {"network": CLOSED}}
KINDS: Final[dict[str, Kind]] = {
    "away": Kind("hsm_gone", live=None),
    "binned": Kind("hsm_gone", live={"deleted_at": NOW}),
    "others": Kind("replaced_by_others", live={"created_by": OTHERS, "created_at": NOW}),
    "revenant": Kind("lives_again", record=ended()),
    "idle": Kind("not_activated", live={"state": "NotActivated"}, record=UNSTORED),
    "failed": Kind("activation_failed", live={"state": "Failed"}, record={**UNSTORED, "made_at": None}),
    "opened": Kind("public_access_opened", **OPEN),
    "narrow": Kind("network_differs", request={"network": NetworkRequest(bypass="None")}),
    "tightened": Kind("network_tighter", request={"network": NetworkRequest(ip_rules=["203.0.113.0/24"])}),
    "unprotected": Kind("purge_protection_off", request={"purge_protection": True}),
    "governed": Kind("administrators_changed", live={"initial_admin_object_ids": [ADMINISTRATOR, OTHERS]}),
    "tagged": Kind("tags_differ", live={"tags": {"owner": "team-b", "of": "others"}}),
    "untagged": Kind("tags_differ", live={"tags": {}}),
    "unverified": Kind("domain_not_verified_lately", verification={"verified_at": LONG_AGO}),
    "critical": Kind("quorum_critical", verification={"quorum_health": "Critical"}),
    "worrying": Kind("quorum_warning", verification={"quorum_health": "Warning"}),
    "unstored": Kind("record_disagrees", record=UNSTORED),
    "strange": Kind("unrecorded"),
    "guarded": Kind("public_access_opened", request={"network": CLOSED, "environment": "guarded"}),
    "stopped": Kind("public_access_opened", request={"network": CLOSED, "environment": "guarded"}),
    "held": Kind("public_access_opened", held=True, **OPEN),
    "busy": Kind(running=True, **OPEN),
    "left": Kind("administrators_changed", live={"initial_admin_object_ids": [ADMINISTRATOR, OTHERS]}, left=True),
    "closed": Kind(),
    "adopted": Kind(live={"created_by": OTHERS}, record={**UNSTORED, "adopted": True}),
    "restored": Kind(record=RESTORED),
    "dead": Kind(live=None, record=ended(purged_at=NOW)),
    "dying": Kind(live={"deleted_at": LONG_AGO, "soft_delete_retention_in_days": 90}, record=ended()),
}
HEALED: Final = ["opened", "narrow", "unprotected", "tagged"]
GUARDED: Final = ["guarded", "stopped"]


class Fleet(NamedTuple):
    """A stack with one HSM of each kind, and another subscription that has one, too."""

    stack: Stack
    elsewhere: str


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, custodians: list[Custodian]) -> Iterator[Fleet]:
    directory = tmp_path_factory.mktemp("reconciliation") / "run"
    settings = {"HSM_PROVISIONER_POLICY": POLICY, "HSM_PROVISIONER_EVENTS_TOPIC": TOPIC}
    with running_stack(directory, provisioning_seconds=0, activation_seconds=0, settings=settings) as stack:
        elsewhere = stack.control.create_subscription(registered=True)
        with signed_in_as_the_app(stack):
            plant_fleet(stack, own_identity(), custodians)
        stack.control.plant_hsms(PlantedHsm(name="elsewhere", resource_group=GROUP, subscription_id=elsewhere))
        yield Fleet(stack, elsewhere)


def plant_fleet(stack: Stack, ours: OwnIdentity, custodians: list[Custodian]) -> None:
    template = make_claim(stack, "template", request_for(stack, custodians, resourceGroup=GROUP, tags=TAGS))
    stack.control.plant_hsms(*(planted(name, kind.live, ours) for name, kind in KINDS.items() if kind.live is not None))
    with ThreadPoolExecutor(4) as pool:
        recorded = [item for item in KINDS.items() if item[1].drift != "unrecorded"]
        for _ in pool.map(lambda item: plant_records(stack, item[0], item[1], template), recorded):
            pass


def planted(name: str, changes: dict[str, Any], ours: OwnIdentity) -> PlantedHsm:
    usual = {
        "created_at": LONG_AGO,
        "created_by": ours.application_id,
        "initial_admin_object_ids": [ADMINISTRATOR, ours.object_id],
        "soft_delete_retention_in_days": 7,
        "tags": TAGS,
    }
    return PlantedHsm(name=name, resource_group=GROUP, **{**usual, **changes})


def plant_records(stack: Stack, name: str, kind: Kind, template: Claim) -> None:
    request = template.request.model_copy(update=kind.request)
    claim = template.model_copy(
        update={
            "hsm": name,
            "operation_id": template.operation_id.replace("template", name),
            "request": request,
            "digest": request.digest(),
            "claimed_at": datetime.now(UTC).replace(microsecond=0) if kind.running else LONG_AGO,
            "state": "running" if kind.running or kind.left else "ended",
        }
    )
    receipt = receipt_of(claim)
    plant(stack, claim, make_record(claim, **{"security_domain": receipt, "made_at": LONG_AGO, **kind.record}))
    if kind.verification is not None:
        plant_verification(stack, name, receipt.sha256, kind.verification)
    if kind.held:
        plant_blob(stack, f"holds/{name}", a_hold(stack), {})


def receipt_of(claim: Claim) -> Receipt:
    return Receipt(
        operation_id=claim.operation_id,
        attempt=1,
        blob_url="https://contoso.blob.core.windows.net/security-domains/a",
        etag="e",
        sha256=claim.hsm,
        size=1,
        quorum=2,
        thumbprints=[],
        export=1,
        alone=True,
        stored_at=LONG_AGO,
    )


def plant_verification(stack: Stack, name: str, sha256: str, changes: dict[str, Any]) -> None:
    usual: dict[str, Any] = {"verified_at": NOW, "faults": [], "quorum_health": "Healthy", "shares": []}
    verification = Verification(hsm=name, sha256=sha256, **{**usual, **changes})
    plant_blob(stack, f"verifications/{name}", verification, {})


def a_hold(stack: Stack) -> Hold:
    return Hold(by=principal(stack), at=NOW, reason="Audited.")


def reports(stack: Stack) -> list[str]:
    container = stored.service(stack).get_container_client("hsm-records")
    return sorted(container.list_blob_names(name_starts_with="reports/reconciliation/"))


def await_report(stack: Stack, count: int) -> ReconciliationReport:
    deadline = time.monotonic() + 60
    while len(paths := reports(stack)) < count or is_running(stack):
        assert time.monotonic() < deadline, paths
        time.sleep(0.2)
    assert len(paths) == count
    content = stored.service(stack).get_blob_client("hsm-records", paths[-1]).download_blob().readall()
    return ReconciliationReport.model_validate_json(content)


def is_running(stack: Stack) -> bool:
    with TaskHubGrpcClient(host_address=stack.host.durable_address) as engine:
        state = engine.get_orchestration_state(RECONCILIATION_INSTANCE)
    return state is not None and state.runtime_status.name in ("RUNNING", "PENDING")


def run_once(stack: Stack) -> ReconciliationReport:
    count = len(reports(stack))
    stack.host.fire(FUNCTION)
    return await_report(stack, count + 1)


def by_name(report: ReconciliationReport) -> dict[str, DriftFinding]:
    """Give the one finding of each HSM."""
    found = {finding.hsm: finding for finding in report.drift}
    assert len(found) == len(report.drift), report.drift
    return found


def healings(report: ReconciliationReport) -> dict[str, Healing]:
    return {name: finding.healing for name, finding in by_name(report).items() if finding.code in HEALABLE}


def changes(stack: Stack, since: int) -> Counter[str]:
    """Count how often Azure was asked for a change of each HSM, or for anything else that changes."""
    asked = stack.control.journal("resource_manager", since=since)
    writing = [entry for entry in asked if entry["method"] != "GET" and "ResourceGraph" not in entry["path"]]
    return Counter(f"{entry['method']} {entry['path'].rpartition('/')[2]}" for entry in writing)


def drift_events(stack: Stack) -> Counter[str]:
    container = stored.service(stack).get_container_client("hsm-records")
    kept = [path for path in container.list_blob_names(name_starts_with="outbox/") if ".DriftFound." in path]
    return Counter(path.removeprefix("outbox/").partition("-0")[0] for path in kept)


def change_in_azure(stack: Stack, name: str, parameters: ManagedHsm) -> None:
    endpoints = stack.azure.endpoints
    with (
        stack.portal_credential() as credential,
        KeyVaultManagementClient(credential, endpoints.subscription_id) as client,
    ):
        client.managed_hsms.begin_update(GROUP, name, parameters, polling_interval=0).result()


def test_the_first_report_has_each_kind_of_drift_and_nothing_is_touched(fleet: Fleet) -> None:
    since = len(fleet.stack.control.journal())
    report = run_once(fleet.stack)
    found = by_name(report)
    expected = {name: kind.drift for name, kind in KINDS.items() if kind.drift is not None}
    assert {name: finding.code for name, finding in found.items()} == {**expected, "elsewhere": "unrecorded"}
    assert (report.first, report.unchecked, report.unlisted_subscriptions) == (True, [], [])
    assert (report.checked, report.busy) == (len(KINDS) - len(["strange", "dead", "busy"]), ["busy"])
    assert set(healings(report).values()) == {"report_only"}
    assert {finding.healing for finding in report.drift if finding.code not in HEALABLE} == {"none"}
    assert fleet.elsewhere in found["elsewhere"].resource_id
    assert changes(fleet.stack, since) == Counter()
    assert drift_events(fleet.stack) == Counter(dict.fromkeys(set(expected) - {"strange"}, 1))


def test_what_the_policy_lets_is_put_right_once_though_the_worker_dies(fleet: Fleet) -> None:
    stack, portal = fleet.stack, Portal(fleet.stack)
    since, count = len(stack.control.journal()), len(reports(stack))
    hold = stack.control.hold(NewHold(service="blob_storage", method="PUT", path="/claims/opened", phase="after"))
    stack.host.fire(FUNCTION)
    assert stack.control.await_hold(hold, 60)
    kill(stack, {hold: "after"})
    report = await_report(stack, count + 1)
    assert healings(report) == {
        **dict.fromkeys([*HEALED, *GUARDED], "started"),
        "untagged": "over_limit",
        "held": "on_hold",
    }
    operations = {name: finding.operation_id for name, finding in by_name(report).items() if finding.operation_id}
    for name in HEALED:
        operation = portal.follow(str(operations[name]))
        assert (operation["status"], operation["origin"]) == ("Succeeded", "schedule"), operation
    for name in GUARDED:
        await_step(portal, str(operations[name]), "await_approval")
    assert changes(stack, since) == Counter({f"PATCH {name}": 1 for name in HEALED})


def test_what_was_put_right_is_left_alone_for_a_while_and_what_was_over_the_limit_has_its_turn(fleet: Fleet) -> None:
    stack, portal = fleet.stack, Portal(fleet.stack)
    change_in_azure(stack, "tagged", ManagedHsm(tags={"owner": "team-b"}))
    before, events = len(stack.control.journal()), drift_events(stack)
    report = run_once(stack)
    assert healings(report) == {
        "tagged": "tried_lately",
        "untagged": "started",
        **dict.fromkeys(GUARDED, "running"),
        "held": "on_hold",
    }
    assert portal.follow(str(by_name(report)["untagged"].operation_id))["status"] == "Succeeded"
    assert changes(stack, before) == Counter({"PATCH untagged": 1})
    assert drift_events(stack) == events


def test_a_healing_that_waited_for_approval_is_held_against_policy_and_holds_again(fleet: Fleet) -> None:
    stack, portal, approver = fleet.stack, Portal(fleet.stack), Person(fleet.stack, 42, ["Hsm.Approve"])
    with signed_in_as_the_app(stack):
        last = reconciliation.find_last_report()
        archive.write_hold("stopped", a_hold(stack))
    assert last is not None
    ends = {}
    for name in GUARDED:
        identifier = str(by_name(last)[name].operation_id)
        waiting = await_step(portal, identifier, "await_approval")
        assert NetworkRequest.model_validate(waiting["plan"]["change"]["network"]) == CLOSED
        assert approver.decide(waiting, "approve").status_code == 200
        ends[name] = portal.follow(identifier)
    assert ends["guarded"]["status"] == "Succeeded"
    assert ends["stopped"]["error"]["code"] == "not_due"
    report = run_once(stack)
    assert healings(report) == {"tagged": "tried_lately", "stopped": "on_hold", "held": "on_hold"}


def test_a_tombstone_stays_dead(fleet: Fleet) -> None:
    states = {hsm["name"]: hsm["deleted"] for hsm in fleet.stack.control.hsms()}
    assert "dead" not in states
    assert (states["dying"], states["binned"]) == (True, True)
    for name in ("dead", "dying"):
        with signed_in_as_the_app(fleet.stack):
            held, record = archive.find_claim(name), archive.find_hsm_record(name)
        assert held is not None
        assert record is not None
        assert held.claim.operation_id == record.created_by


def test_any_other_instance_does_nothing(fleet: Fleet) -> None:
    before = reports(fleet.stack)
    with TaskHubGrpcClient(host_address=fleet.stack.host.durable_address) as engine:
        for given in (None, {"phase": "heal", "marker": "", "counts": {}}):
            instance = engine.schedule_new_orchestration("fleet_reconciliation", input=given)
            state = engine.wait_for_orchestration_completion(instance, timeout=30)
            assert state is not None
            assert (state.runtime_status.name, state.get_output()) == ("COMPLETED", None)
    assert reports(fleet.stack) == before


def test_one_damaged_claim_hides_no_other_hsm_and_what_fails_midway_is_no_all_clear(fleet: Fleet) -> None:
    stack = fleet.stack
    subscription = stack.azure.endpoints.subscription_id
    claim = stored.service(stack).get_blob_client("hsm-records", "claims/strange")
    refused = NewFault(service="blob_storage", method="GET", path="/claims/strange", effect=Answer(status=400))
    with signed_in_as_the_app(stack, HSM_PROVISIONER_POLICY=POLICY):
        assert reconciliation.begin_run().unlisted == ["*"]
        many_subscriptions._readings.clear()
        stack.control.inject_fault(refused)
        with pytest.raises(ServiceError):
            find_unrecorded(AskedPage())
        assert reconciliation.require_run().unlisted == ["*", subscription]
        claim.upload_blob(b"damaged")
        assert find_unrecorded(AskedPage()).result == {"marker": ""}
        claim.delete_blob()
        run = reconciliation.require_run()
        assert run.unlisted == []
        assert {item.hsm for item in reconciliation.list_unrecorded() if item.run == run.id} == {"elsewhere", "strange"}
        reconciliation.write_run(run.model_copy(update={"finished": True}))
        # Whoever lists next asks Azure.
        many_subscriptions._readings.clear()


def test_what_was_found_under_another_claim_is_not_healed(fleet: Fleet) -> None:
    with signed_in_as_the_app(fleet.stack, HSM_PROVISIONER_POLICY=POLICY):
        held, record = archive.find_claim("closed"), archive.find_hsm_record("closed")
        assert held is not None
        assert record is not None
        due = Due("closed", "update", "schedule", record.team, record.request, change=InPlaceChange(tags=TAGS))
        assert archive.replace_claim(held.claim, held.etag)
        assert claim_what_is_due(due, held) is None
        again = archive.find_claim("closed")
    assert again is not None
    assert again.claim == held.claim


def test_what_cannot_be_listed_is_said_and_what_is_gone_is_forgotten(fleet: Fleet) -> None:
    stack = fleet.stack
    stack.control.forget_hsm("strange")
    refused = Answer(status=400)
    graph = NewFault(service="resource_manager", path="/Microsoft.ResourceGraph/", effect=refused)
    listing = NewFault(service="resource_manager", path=f"/{stack.azure.endpoints.subscription_id}/", effect=refused)
    with signed_in_as_the_app(stack, HSM_PROVISIONER_POLICY=POLICY):
        reconciliation.begin_run()
        stack.control.inject_fault(listing)
        stack.control.inject_fault(graph)
        with pytest.raises(ServiceError):
            find_unrecorded(AskedPage())
        report_reconciliation(Nothing())
        report = reconciliation.find_last_report()
        assert report is not None
        assert report.unlisted_subscriptions == ["*", stack.azure.endpoints.subscription_id]
        assert len(report.unchecked) == len(KINDS) - len(["strange", "dead"])
        assert [item.hsm for item in reconciliation.list_unrecorded()] == ["elsewhere", "strange"]
        reconciliation.begin_run()
        many_subscriptions._readings.clear()
        assert find_unrecorded(AskedPage()).result == {"marker": ""}
        report_reconciliation(Nothing())
        again = reconciliation.find_last_report()
        assert again is not None
        assert [(finding.hsm, finding.code) for finding in again.drift] == [("elsewhere", "unrecorded")]
        assert again.unlisted_subscriptions == []
        assert [item.hsm for item in reconciliation.list_unrecorded()] == ["elsewhere"]


@pytest.mark.parametrize("switch", ["STOP_CREATION", "STOP_DESTRUCTION_AND_EXPORT"])
def test_while_a_switch_of_the_operators_stands_nothing_is_healed(fleet: Fleet, switch: str) -> None:
    with signed_in_as_the_app(fleet.stack, HSM_PROVISIONER_POLICY=POLICY):
        assert set(reconciliation.rules().heal) == HEALABLE
    switches = {f"HSM_PROVISIONER_{switch}": "true", "HSM_PROVISIONER_POLICY": POLICY}
    with signed_in_as_the_app(fleet.stack, **switches):
        assert reconciliation.rules().heal == []
