"""One provision is one trace, from the caller's span to each call to Azure; and telemetry is in nothing's way."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import pytest

from domain.spans import span_of_operation
from domain.steps import STEP_TITLES
from local import telemetry
from local.azure.control.models import NewFault
from local.azure.core.faults import Answer
from local.portal import Portal
from local.stack import Stack, running_stack
from local.telemetry import SeenSpan, await_spans, read_spans
from tests import stored
from tests.custodians import Custodian, request_for
from tests.kills import Moment, hold, kill
from tests.test_secrets import find_secrets, windows

CALLER: Final = "00f067aa0ba902b7"
PUT: Final = "PUT /api/hsms/{name}"
END: Final = "record_operation"


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    directory = tmp_path_factory.mktemp("watched") / "run"
    with running_stack(
        directory, provisioning_seconds=0.6, activation_seconds=0.6, settings=telemetry.SETTINGS
    ) as running:
        yield running


def ask(watched: Stack, name: str, trace: str, custodians: list[Custodian]) -> str:
    """Ask for an HSM as part of a trace of the portal's; gives the operation's id."""
    headers = {"traceparent": f"00-{trace}-{CALLER}-01"}
    body = request_for(watched, custodians, resourceGroup=f"rg-{name}")
    response = Portal(watched).send("PUT", f"hsms/{name}", json=body, headers=headers)
    assert response.status_code == 202, response.text
    operation_id: str = response.json()["id"]
    return operation_id


def the(spans: list[SeenSpan], name: str) -> SeenSpan:
    (found,) = [span for span in spans if span.name == name]
    return found


def traced_calls(watched: Stack, trace: str) -> dict[str, dict[str, Any]]:
    """The requests of a trace that the local Azure's journal has, by their spans."""
    entries = [entry for entry in watched.control.journal() if trace in (entry["traceparent"] or "")]
    return {entry["traceparent"].split("-")[2]: entry for entry in entries}


def metrics(watched: Stack) -> list[tuple[str, float, dict[str, str]]]:
    found = [item["data"]["baseData"] for item in watched.control.telemetry() if item["name"].endswith(".Metric")]
    return [(each["metrics"][0]["name"], each["metrics"][0]["value"], each["properties"]) for each in found]


def await_metric(watched: Stack, name: str, **properties: str) -> float:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for found, value, described in metrics(watched):
            if found == name and properties.items() <= described.items():
                return value
        time.sleep(0.2)
    message = f"no {name} of {properties} came"
    raise AssertionError(message)


def test_one_provision_is_one_trace(watched: Stack, custodians: list[Custodian]) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    operation_id = ask(watched, "hsm-traced", trace, custodians)
    operation = Portal(watched).follow(operation_id)
    assert operation["status"] == "Succeeded", operation
    spans = await_spans(watched.control, trace, END)

    request, whole = the(spans, PUT), the(spans, "provision operation")
    assert (request.parent, request.result, request.is_request) == (CALLER, "202", True)
    assert (whole.id, whole.parent) == (span_of_operation(operation_id), request.id)
    assert whole.properties["hsm_provisioner.result"] == "Succeeded"
    activities = [span for span in spans if span.name in STEP_TITLES]
    begun = {step["name"] for step in operation["steps"] if step["status"] == "Succeeded"}
    assert {span.name for span in activities} == begun
    assert {span.parent for span in activities} == {whole.id}
    assert {span.properties["hsm_provisioner.operation.id"] for span in activities} == {operation_id}
    outcomes = Counter(span.properties["hsm_provisioner.outcome"] for span in activities)
    assert outcomes.keys() == {"done", "wait"}
    assert outcomes["done"] == len(begun)
    assert whole.began <= min(span.began for span in activities)

    calls = {span.id: span for span in spans if span.is_call}
    arrived = traced_calls(watched, trace)
    assert {entry["service"] for entry in arrived.values()} >= {"resource_manager", "managed_hsm", "blob_storage"}
    assert arrived.keys() <= calls.keys()
    assert {span.parent for span in calls.values()} == {request.id, *(span.id for span in activities)}
    for identifier, entry in arrived.items():
        assert calls[identifier].target == entry["host"]
        assert calls[identifier].result == str(entry["status"])
    # What arrived without the trace is how activities learn of it: they read the claim, or a record in its place.
    unknown = [span for identifier, span in calls.items() if identifier not in arrived]
    assert {span.target for span in unknown} == {"localhsms.blob.core.windows.net"}
    assert all(span.success for span in spans)

    assert await_metric(watched, "hsm_provisioner.operations", kind="provision", result="Succeeded") == 1
    for step in begun:
        assert await_metric(watched, "hsm_provisioner.step.duration", step=step, result="Succeeded") >= 0

    content = stored.read(watched, operation["result"]["securityDomain"]["blobUrl"])
    sent = {str(number): json.dumps(item) for number, item in enumerate(watched.control.telemetry())}
    assert find_secrets(sent, windows(content)) == []
    assert "/securitydomain" not in "".join(sent.values())


def test_the_fleet_is_counted_where_it_is_counted_anyway(watched: Stack, custodians: list[Custodian]) -> None:
    operation_id = ask(watched, "hsm-counted", "a" * 32, custodians)
    assert Portal(watched).follow(operation_id)["status"] == "Succeeded"
    watched.host.fire("start_fleet_reconciliation")
    assert await_metric(watched, "hsm_provisioner.hsms", state="in_use") >= 1
    assert await_metric(watched, "hsm_provisioner.hsms", state="soft_deleted") == 0
    count = await_metric(watched, "hsm_provisioner.hsms", state="in_use")
    assert await_metric(watched, "hsm_provisioner.cost", state="in_use") == pytest.approx(count * 2500 / 730)


def test_what_fails_is_marked(watched: Stack, custodians: list[Custodian]) -> None:
    trace = "b" * 32
    watched.control.fail_provisioning(1)
    operation_id = ask(watched, "hsm-failing", trace, custodians)
    assert Portal(watched).follow(operation_id)["status"] == "Failed"
    spans = await_spans(watched.control, trace, END)
    failed = {span.name: span.properties["hsm_provisioner.error"] for span in spans if not span.success}
    assert failed == {"await_ready": "provisioning_failed", "provision operation": "provisioning_failed"}
    assert await_metric(watched, "hsm_provisioner.operations", kind="provision", result="Failed") == 1


def test_a_killed_worker_loses_what_it_has_not_sent_and_nothing_else(
    watched: Stack, custodians: list[Custodian]
) -> None:
    trace, name = "c" * 32, "hsm-killed"
    held = hold(watched, Moment("provision_hsm", "resource_manager", "PUT", "/managedHSMs/{name}"), "after", name)
    operation_id = ask(watched, name, trace, custodians)
    assert watched.control.await_hold(held, 30)
    # What was done before had time to be sent.
    await_spans(watched.control, trace, "create_resource_group")
    kill(watched, {held: "after"})
    assert Portal(watched).follow(operation_id)["status"] == "Succeeded"
    spans = await_spans(watched.control, trace, END)
    activities = Counter(span.name for span in spans if span.name in STEP_TITLES)
    # The worker that was killed never ended this activity; the next one did.
    assert activities["provision_hsm"] == 1
    assert {span.parent for span in spans if span.name in STEP_TITLES} == {the(spans, "provision operation").id}
    lost = traced_calls(watched, trace).keys() - {span.id for span in spans}
    paths = {traced_calls(watched, trace)[identifier]["path"] for identifier in lost}
    assert any("/managedHSMs/" in path for path in paths)


def test_without_ingestion_everything_goes_on(watched: Stack, custodians: list[Custodian]) -> None:
    trace, later = "d" * 32, "e" * 32
    fault = NewFault(
        service="application_insights", method="POST", path="/track", count=1000, effect=Answer(status=500)
    )
    watched.control.inject_fault(fault)
    operation_id = ask(watched, "hsm-unseen", trace, custodians)
    assert Portal(watched).follow(operation_id)["status"] == "Succeeded"
    assert sum(each["met"] for each in watched.control.faults()) > 0
    watched.control.clear_faults()
    # What is done after it is seen again.
    headers = {"traceparent": f"00-{later}-{CALLER}-01"}
    assert Portal(watched).send("GET", "hsms/hsm-unseen", headers=headers).status_code == 200
    seen = await_spans(watched.control, later, "GET /api/hsms/{name}", 60)
    assert the(seen, "GET /api/hsms/{name}").parent == CALLER


def test_a_caller_without_a_trace_begins_one(watched: Stack) -> None:
    since = len(watched.control.telemetry())
    assert Portal(watched).send("GET", "hsms/nobody-has-this").status_code == 404
    deadline = time.monotonic() + 20
    while not (spans := read_spans(watched.control.telemetry(since=since))):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    request = next(span for span in spans if span.is_request)
    assert request.parent is None
    assert {span.parent for span in spans if span.is_call and span.trace == request.trace} == {request.id}
