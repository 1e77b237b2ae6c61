"""What nobody began is begun, once: an HSM whose event was lost, and an operation whose acceptor died."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, cast

import azure.durable_functions as df
import pytest
from durabletask.client import TaskHubGrpcClient

from activities.find_abandoned import find_abandoned
from activities.find_missing import find_missing
from activities.start_next_abandoned import start_next_abandoned
from clients import archive, reconciliation, resource_graph
from clients.lost_starts import (
    find_last_missing,
    read_abandoned,
    read_missing,
    read_subscriptions_checked,
    write_abandoned,
    write_missing,
)
from clients.reconciliation import find_last_report
from clients.subscriptions import list_enabled_subscriptions
from domain.decommissioning import Decommissioned
from domain.drift_findings import AbandonedOperation, MissingHsm, ReconciliationReport
from domain.errors import ServiceError
from domain.handover.request import Handover
from domain.lost_starts import FORGOTTEN_AFTER, LEFT_FOR, MissingHsms
from domain.names import instance_id
from domain.new_subscriptions import hsm_name_for
from domain.outcomes import Nothing
from domain.records import Claim, Plan
from domain.summaries import summarise_claim
from local.azure.control.models import NewFault, NewHold
from local.azure.core.faults import Answer
from local.policy import policy
from local.portal import Portal
from local.stack import Stack, running_stack
from tests import stored
from tests.custodians import ADMINISTRATOR, Custodian, wrapping_keys
from tests.in_process import signed_in_as_the_app
from tests.planting import intact, make_claim, make_record, plant

FUNCTION: Final = "start_fleet_reconciliation"
PREFIX: Final = "sub"
TAGS: Final = {"HSM": "wanted"}
GROUP: Final = {"name": "mg-payments", "displayName": "Payments"}
AT_MOST: Final = 2
UNKNOWN: Final = "00000000-0000-4000-8000-00000000beef"
LONG_AGO: Final = timedelta(minutes=20)
OPEN: Final[dict[str, Any]] = {"state": "running", "succeeded": None}
UNWANTED: Final[list[dict[str, Any]]] = [{"tags": {}}, {"management_groups": []}, {"state": "Disabled"}]


class Lost(NamedTuple):
    """A deployment, and the subscriptions in it that opted in: missing three, one of a tombstone, one of a failure."""

    stack: Stack
    portal: Portal
    missing: list[str]
    tombstone: str
    failed: str


def whole_policy(custodians: list[Custodian], **changes: Any) -> str:
    section = {
        "optIn": {"tag": {"name": "hsm", "value": "wanted"}, "managementGroups": [GROUP["name"]]},
        "team": "team-a",
        "namePrefix": PREFIX,
        "approval": False,
        "maximumPerRun": AT_MOST,
        "request": specification(custodians),
        **changes,
    }
    return policy(newSubscriptions=section, environments={"development": {}})


def specification(custodians: list[Custodian]) -> dict[str, Any]:
    return {
        "resourceGroup": "rg-hsm",
        "location": "norwayeast",
        "administrators": [ADMINISTRATOR],
        "environment": "development",
        "securityDomain": {"quorum": 2, "wrappingKeys": wrapping_keys(custodians)},
    }


@pytest.fixture(scope="module")
def lost(tmp_path_factory: pytest.TempPathFactory, custodians: list[Custodian]) -> Iterator[Lost]:
    text = whole_policy(custodians)
    with running_stack(
        tmp_path_factory.mktemp("lost") / "run",
        provisioning_seconds=0,
        activation_seconds=0,
        settings={"HSM_PROVISIONER_POLICY": text},
    ) as stack:
        for unwanted in UNWANTED:
            appear(stack, **unwanted)
        missing, (tombstone, failed) = sorted(appear(stack) for _ in range(3)), (appear(stack), appear(stack))
        body = specification(custodians)
        dead, begun = (claim_in(stack, one, body, claimed_at=now() - LONG_AGO) for one in (tombstone, failed))
        gone = Decommissioned(operation_id="o", asked_at=now(), was_active=True, purged_at=now())
        plant(stack, dead, make_record(dead, decommissioned=gone))
        plant(stack, begun.model_copy(update={"succeeded": False}))
        plant_running(stack, body)
        yield Lost(stack, Portal(stack), missing, tombstone, failed)


def appear(stack: Stack, **members: Any) -> str:
    """Have a subscription that opted in, but for what is said, and lose its event."""
    return stack.control.create_subscription(
        **{"tags": TAGS, "management_groups": [GROUP], "registered": True, **members}
    )


def claim_in(stack: Stack, subscription_id: str, body: dict[str, Any], **changes: Any) -> Claim:
    name = hsm_name_for(PREFIX, subscription_id)
    return make_claim(stack, name, {**body, "subscriptionId": subscription_id}, **changes)


def plant_running(stack: Stack, body: dict[str, Any]) -> None:
    """Leave what a worker leaves that dies between claim and start: lately, long ago, and after it had begun."""
    body = {**body, "subscriptionId": stack.azure.endpoints.subscription_id}
    for name, age in {"young": timedelta(0), "never": LONG_AGO, "purged": LONG_AGO}.items():
        plant(stack, make_claim(stack, name, body, claimed_at=now() - age, **OPEN))
    plant(stack, make_claim(stack, "old", body, claimed_at=now() - FORGOTTEN_AFTER - LONG_AGO, **OPEN))
    for name, age in {"terminated": LONG_AGO, "left": LEFT_FOR + LONG_AGO, "forgotten": LEFT_FOR + LONG_AGO}.items():
        terminated = make_claim(stack, name, body, claimed_at=now() - age, **OPEN)
        terminate(stack, terminated)
        plant(stack, terminated)
    with TaskHubGrpcClient(host_address=stack.host.durable_address) as engine:
        engine.purge_orchestration(instance_id("forgotten"))
    plant_plan(stack, plan_of(make_claim(stack, "purged", body)))
    left = make_claim(stack, "left", body)
    plant(stack, make_record(left))
    handover = Handover.model_validate({"lock": {"level": "CanNotDelete"}})
    plant_plan(stack, plan_of(left).model_copy(update={"handover": handover}))


def plant_plan(stack: Stack, plan: Plan) -> None:
    content, path = plan.to_json().encode(), f"{plan.hsm}/{plan.operation_id}/plan.json"
    stored.service(stack).get_blob_client("security-domains", path).upload_blob(content, metadata=intact(content))


def terminate(stack: Stack, claim: Claim) -> None:
    """Have an instance that somebody ended: without its claim it fails, and ends, as one that was terminated."""
    with TaskHubGrpcClient(host_address=stack.host.durable_address) as engine:
        engine.schedule_new_orchestration(
            "hsm_provisioning", input=claim.operation_id, instance_id=instance_id(claim.hsm)
        )
        engine.wait_for_orchestration_completion(instance_id(claim.hsm), timeout=30)


def plan_of(claim: Claim) -> Plan:
    return Plan(
        hsm=claim.hsm,
        operation_id=claim.operation_id,
        kind=claim.kind,
        team=claim.team,
        requester=claim.requester,
        resource_id=summarise_claim(claim).resource_id,
        request=claim.request,
        monthly_cost_usd=2500,
        approval_reasons=[],
        wrapping_keys=[],
        warnings=[],
        pinned_at=claim.claimed_at,
    )


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def reconcile(stack: Stack) -> ReconciliationReport:
    """Run once, and give the report."""
    with signed_in_as_the_app(stack):
        before = find_last_report()
        stack.host.fire(FUNCTION)
        deadline = time.monotonic() + 60
        while (report := find_last_report()) is None or report == before:
            assert time.monotonic() < deadline, report
            time.sleep(0.2)
    return report


def outcomes_of_missing(report: ReconciliationReport) -> dict[str, str]:
    return {item.subscription_id: item.outcome for item in report.missing}


def outcomes_of_abandoned(report: ReconciliationReport) -> dict[str, str]:
    return {item.hsm: item.outcome for item in report.abandoned}


def find(report: ReconciliationReport, hsm: str) -> AbandonedOperation | MissingHsm:
    items: list[AbandonedOperation | MissingHsm] = [*report.abandoned, *report.missing]
    (found,) = (item for item in items if item.hsm == hsm)
    return found


def operations(portal: Portal, hsm: str) -> list[str]:
    response = portal.send("GET", "operations", params={"hsm": hsm})
    assert response.status_code == 200, response.text
    return [operation["id"] for operation in response.json()["value"]]


def made(stack: Stack) -> Counter[str]:
    """Count how often each HSM was asked for."""
    entries = stack.control.journal("resource_manager")
    puts = [entry["path"] for entry in entries if entry["method"] == "PUT" and "/managedHSMs/" in entry["path"]]
    return Counter(path.rpartition("/")[2] for path in puts)


INTERRUPTED: Final = {"purged": "failed", "terminated": "failed"}
# What never began and is too old, and what is reported each time.
STAYING: Final = {"forgotten": "report_only", **INTERRUPTED}
# What nobody asked for again for so long that it is ended.
ENDED: Final = {"left": "failed", "old": "report_only"}


def test_the_first_run_only_reports(lost: Lost) -> None:
    report = reconcile(lost.stack)
    assert (report.first, report.subscriptions_checked) == (True, 5)
    assert outcomes_of_missing(report) == {**dict.fromkeys(lost.missing, "report_only"), lost.tombstone: "tombstone"}
    assert outcomes_of_abandoned(report) == {"never": "report_only", **ENDED, **STAYING}
    assert [item.hsm for item in report.missing] == [
        hsm_name_for(PREFIX, one) for one in (*lost.missing, lost.tombstone)
    ]
    for name in INTERRUPTED:
        item, shown = find(report, name), lost.portal.operation(operations(lost.portal, name)[0])
        assert item.error is not None
        assert (shown["status"], shown["error"]["code"]) == ("Failed", item.error.code)
    assert made(lost.stack) == Counter()
    assert [operation for one in lost.missing for operation in operations(lost.portal, hsm_name_for(PREFIX, one))] == []


def test_what_is_missing_is_begun_within_the_limit_and_what_never_began_is_started_once(lost: Lost) -> None:
    report = reconcile(lost.stack)
    begun, left = lost.missing[:AT_MOST], lost.missing[AT_MOST:]
    assert report.first is False
    assert outcomes_of_missing(report) == {
        **dict.fromkeys(begun, "started"),
        **dict.fromkeys(left, "over_limit"),
        lost.tombstone: "tombstone",
    }
    assert outcomes_of_abandoned(report) == {"never": "started", **ENDED, **STAYING}
    for name in ("never", *(hsm_name_for(PREFIX, one) for one in begun)):
        (operation_id,) = operations(lost.portal, name)
        assert find(report, name).operation_id == operation_id
        operation = lost.portal.follow(operation_id)
        assert operation["status"] == "Succeeded", operation
        assert operation["origin"] == ("request" if name == "never" else "event")


@pytest.mark.parametrize("name", ENDED)
def test_what_nobody_asked_for_again_is_ended(lost: Lost, name: str) -> None:
    (operation_id,) = operations(lost.portal, name)
    with signed_in_as_the_app(lost.stack):
        held, kept = archive.find_claim(name), archive.find_operation(operation_id)
    assert held is not None
    assert (held.claim.running, held.claim.succeeded) == (False, False)
    assert kept is not None
    assert kept.error is not None
    assert (kept.status, kept.error.code) == ("Failed", "operation_interrupted")
    assert kept.finished_at is not None
    assert lost.portal.operation(operation_id)["status"] == "Failed"


def test_the_sheet_shows_what_an_operation_did_not_come_to_that_nobody_asked_for_again(lost: Lost) -> None:
    sheet = lost.portal.send("GET", "hsms/left/handover").json()
    assert (sheet["status"], sheet["error"]["code"]) == ("Failed", "operation_interrupted")
    assert {part["state"] for part in sheet["parts"] if part["part"] in ("lock", "administration")} == {"NotReached"}
    assert sheet["toDo"][0]["name"] == "finish"


@pytest.mark.parametrize("name", STAYING)
def test_what_somebody_may_ask_for_again_is_not(lost: Lost, name: str) -> None:
    with signed_in_as_the_app(lost.stack):
        running = archive.find_claim(name)
    assert running is not None
    assert running.claim.running
    assert made(lost.stack)[name] == 0


def test_the_next_run_begins_the_rest_and_nothing_again(lost: Lost) -> None:
    report = reconcile(lost.stack)
    assert outcomes_of_missing(report) == {lost.missing[-1]: "started", lost.tombstone: "tombstone"}
    assert outcomes_of_abandoned(report) == STAYING
    last = hsm_name_for(PREFIX, lost.missing[-1])
    assert lost.portal.follow(operations(lost.portal, last)[0])["status"] == "Succeeded"


def test_resource_graph_only_hints_and_nothing_is_begun_twice(lost: Lost) -> None:
    changed = appear(lost.stack)
    lost.stack.control.change_resource_manager(graph_lag_seconds=1000)
    lost.stack.control.change_subscription(changed, tags={})
    report = reconcile(lost.stack)
    lost.stack.control.change_resource_manager(graph_lag_seconds=0)
    assert outcomes_of_missing(report) == {changed: "not_wanted", lost.tombstone: "tombstone"}
    assert operations(lost.portal, hsm_name_for(PREFIX, changed)) == []
    names = ["never", *(hsm_name_for(PREFIX, one) for one in lost.missing)]
    assert {name: len(operations(lost.portal, name)) for name in names} == dict.fromkeys(names, 1)
    assert made(lost.stack) == Counter(names)
    assert lost.portal.operation(operations(lost.portal, "young")[0])["status"] == "NotStarted"


def test_who_dies_before_a_start_is_recorded_starts_it_once(lost: Lost, custodians: list[Custodian]) -> None:
    body = {**specification(custodians), "subscriptionId": lost.missing[0]}
    plant(lost.stack, make_claim(lost.stack, "again", body, claimed_at=now() - LONG_AGO, **OPEN))
    with (
        signed_in_as_the_app(lost.stack, HSM_PROVISIONER_POLICY=whole_policy(custodians)),
        TaskHubGrpcClient(host_address=lost.stack.host.durable_address) as engine,
        begun_run() as run,
    ):
        client = cast("df.SyncDurableFunctionsClient", engine)
        assert find_abandoned(Nothing(), client).result == {"more": True}
        found = read_abandoned(run)
        hold = NewHold(service="blob_storage", method="PUT", path="/hsm-records/operations/again", phase="before")
        held = lost.stack.control.hold(hold)
        for _ in range(2):
            write_abandoned(run, found)
            assert start_next_abandoned(Nothing(), client).result == {"started": True, "more": False}
            assert {item.hsm: item.outcome for item in read_abandoned(run)} == {"again": "started", **STAYING}
        lost.stack.control.release(held)
    (operation_id,) = operations(lost.portal, "again")
    assert lost.portal.follow(operation_id)["status"] == "Succeeded"
    assert made(lost.stack)["again"] == 1


@pytest.mark.parametrize(
    ("changes", "environment", "outcome"),
    [
        ({}, {}, "over_limit"),
        ({"maximumPerRun": 0}, {}, "report_only"),
        # Another opt-in may find hundreds at once.
        ({"optIn": {"managementGroups": [GROUP["name"]]}}, {}, "report_only"),
        ({}, {"HSM_PROVISIONER_STOP_CREATION": "true"}, "report_only"),
        ({}, {"HSM_PROVISIONER_STOP_DESTRUCTION_AND_EXPORT": "true"}, "report_only"),
        (None, {}, None),
    ],
)
def test_what_the_policy_and_the_switches_do_not_want_begun_is_only_reported(
    lost: Lost,
    custodians: list[Custodian],
    changes: dict[str, Any] | None,
    environment: dict[str, str],
    outcome: str | None,
) -> None:
    late = appear(lost.stack)
    text = policy() if changes is None else whole_policy(custodians, **changes)
    before = last_missing(lost.stack)
    with signed_in_as_the_app(lost.stack, HSM_PROVISIONER_POLICY=text, **environment), begun_run() as run:
        write_missing(before.model_copy(update={"run": reconciliation.require_run().previous}))
        answers = [find_missing(Nothing()).result, find_missing(Nothing()).result]
        assert answers == [{"more": outcome == "over_limit"}] * 2
        found = {item.subscription_id: item.outcome for item in read_missing(run)}
        assert found.get(late) == outcome
        assert (read_subscriptions_checked(run) is None) == (outcome is None)
        write_missing(before)
    lost.stack.control.change_subscription(late, tags={}, management_groups=[])


def test_what_a_run_before_the_last_found_lets_nothing_be_begun(lost: Lost, custodians: list[Custodian]) -> None:
    late = appear(lost.stack)
    before = last_missing(lost.stack)
    with signed_in_as_the_app(lost.stack, HSM_PROVISIONER_POLICY=whole_policy(custodians)), begun_run() as run:
        assert before.run != reconciliation.require_run().previous
        assert find_missing(Nothing()).result == {"more": False}
        assert {item.subscription_id: item.outcome for item in read_missing(run)}[late] == "report_only"
        write_missing(before)
    lost.stack.control.change_subscription(late, tags={}, management_groups=[])


def test_a_damaged_record_of_a_look_does_not_keep_a_report_from_being_made(lost: Lost) -> None:
    before = last_missing(lost.stack)
    looked_at = MissingHsm(subscription_id=UNKNOWN, hsm=hsm_name_for(PREFIX, UNKNOWN), outcome="started")
    look = stored.service(lost.stack).get_blob_client("hsm-records", f"onboarding/{UNKNOWN}")
    look.upload_blob(b"damaged")
    with signed_in_as_the_app(lost.stack), begun_run() as run:
        write_missing(before.model_copy(update={"run": run, "hsms": [looked_at]}))
        (item,) = read_missing(run)
        write_missing(before)
    look.delete_blob()
    assert item.outcome == "failed"
    assert item.error is not None


def test_a_list_that_azure_refuses_is_no_empty_one(lost: Lost, custodians: list[Custodian]) -> None:
    refused = NewFault(
        service="resource_manager", method="POST", path="/Microsoft.ResourceGraph/", effect=Answer(status=400)
    )
    lost.stack.control.inject_fault(refused)
    with signed_in_as_the_app(lost.stack, HSM_PROVISIONER_POLICY=whole_policy(custodians)), begun_run() as run:
        with pytest.raises(ServiceError):
            find_missing(Nothing())
        assert (read_missing(run), read_subscriptions_checked(run)) == ([], None)


def test_a_list_of_several_pages_is_read_to_its_end(lost: Lost, monkeypatch: pytest.MonkeyPatch) -> None:
    with signed_in_as_the_app(lost.stack):
        at_once = list(list_enabled_subscriptions())
        monkeypatch.setattr(resource_graph, "_LONGEST_PAGE", 4)
        assert list(list_enabled_subscriptions()) == at_once
    assert len(at_once) > 8


@contextmanager
def begun_run() -> Iterator[str]:
    """Begin a run in this process, and end it without a report."""
    run = reconciliation.begin_run()
    yield run.id
    reconciliation.write_run(run.model_copy(update={"finished": True}))


def last_missing(stack: Stack) -> MissingHsms:
    with signed_in_as_the_app(stack):
        found = find_last_missing()
    assert found is not None
    return found
