"""Events: what becomes of HSMs reaches the deployment's topic, at least once, and the topic reaches no operation."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import pytest
import requests
from durabletask.client import TaskHubGrpcClient

from activities.verify_kept_security_domain import AskedVerification, verify_kept_security_domain
from clients import announcements, archive, outbox
from domain.published_events.examples import EXAMPLES
from domain.published_events.model import HsmExpiring, wrap
from local.azure.control.models import NewFault, NewHold
from local.azure.core.faults import Answer, Delay
from local.azure.event_grid.settings import CLOUD_EVENTS, SubscriptionSettings
from local.child_process import REPOSITORY
from local.portal import Portal
from local.stack import API_AUDIENCE, Stack
from tests import stored
from tests.custodians import Custodian, request_for
from tests.hosts import deployed, log_lines
from tests.in_process import signed_in_as_the_app
from tests.kills import kill
from tests.local.azure.event_grid.receiver import Receiver, receiving
from tests.planting import make_claim, make_record, plant_blob
from tests.policies import SHARED_POLICY
from tests.restoring import begin, provision_source
from tests.test_decommission import delete, ephemeral
from tests.test_recovery import end_instance

TOPIC: Final = "hsm-events"
SENDER: Final = "EventGrid Data Sender"
SCHEDULE: Final = "publish_kept_events"
UNVERIFIED: Final = "SecurityDomainUnverified"
SETTING: Final = "HSM_PROVISIONER_EVENTS_TOPIC"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def let_in(stack: Stack, topic: str = TOPIC, roles: Sequence[str] = (SENDER,)) -> str:
    """Make a topic, with roles for the app, and give its endpoint."""
    sender = {stack.azure.endpoints.identity_object_id: list(roles)}
    return stack.event_grid.put_topic(topic, CLOUD_EVENTS, local_auth=False, assignments=sender).endpoint


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("events") / "host"


@pytest.fixture(scope="module")
def telling(stack: Stack, receiver: Receiver, directory: Path) -> Iterator[Stack]:
    """A deployment with a topic, which this machine's webhook is subscribed to."""
    settings = {SETTING: let_in(stack), "HSM_PROVISIONER_POLICY": SHARED_POLICY}
    subscription = SubscriptionSettings(topic=TOPIC, endpoint_url=receiver.url)
    stack.event_grid.put_subscription(TOPIC, subscription)
    with deployed(stack, directory, settings) as running:
        yield running


@pytest.fixture(scope="module")
def teller(telling: Stack) -> Portal:
    return Portal(telling)


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def told(receiver: Receiver, operation_id: str, name: str) -> list[dict[str, Any]]:
    """Give what came of an operation, of one type."""
    events = [request.body for request in receiver.notified]
    kind = f"HsmProvisioner.{name}.v1"
    return [event for event in events if event["data"]["operationId"] == operation_id and event["type"] == kind]


def await_told(receiver: Receiver, operation_id: str, name: str, count: int = 1) -> dict[str, Any]:
    """Wait until an event came as often, always as the same, and give it; it is as the documentation has it."""
    wait_until(lambda: len(told(receiver, operation_id, name)) >= count)
    events = told(receiver, operation_id, name)
    assert len({event["id"] for event in events}) == 1
    event = events[0]
    schema = json.loads((REPOSITORY / "docs" / "events" / f"{event['type']}.json").read_text())
    jsonschema_rs.validator_for(schema).validate(event["data"])
    assert (event["source"], event["subject"]) == (API_AUDIENCE, f"hsms/{event['data']['hsm']}")
    return event


def kept(stack: Stack) -> list[str]:
    return list(stored.service(stack).get_container_client("hsm-records").list_blob_names(name_starts_with="outbox/"))


def await_empty(stack: Stack) -> None:
    wait_until(lambda: kept(stack) == [])


def await_logged(directory: Path, text: str) -> None:
    wait_until(lambda: any(text in line for line in log_lines(directory)))


def finish(teller: Portal, name: str, body: dict[str, Any], status: str = "Succeeded") -> dict[str, Any]:
    operation = teller.follow(teller.put_hsm(name, body).json()["id"])
    assert operation["status"] == status, operation.get("error")
    return operation


def test_what_becomes_of_an_hsm_is_told(
    telling: Stack, teller: Portal, receiver: Receiver, hsm_name: str, custodians: list[Custodian]
) -> None:
    operation = finish(teller, hsm_name, ephemeral(telling, custodians))
    event = await_told(receiver, operation["id"], "HsmProvisioned")
    receipt = operation["result"]["securityDomain"]
    assert event["data"]["securityDomainSha256"] == receipt["sha256"]
    assert event["data"]["resourceId"] == operation["result"]["resourceId"]
    assert not any(custodian.name in json.dumps(event) for custodian in custodians)
    ended = teller.follow(delete(teller, hsm_name).json()["id"])
    event = await_told(receiver, ended["id"], "HsmDecommissioned")
    assert (event["data"]["purged"], event["data"]["billedUntil"][:10]) == (
        False,
        ended["result"]["decommissioned"]["keptUntil"][:10],
    )
    await_empty(telling)


def test_a_provision_that_fails_or_is_canceled_is_told(
    telling: Stack, teller: Portal, receiver: Receiver, hsm_name: str, custodians: list[Custodian]
) -> None:
    refused = NewFault(
        service="resource_manager", method="PUT", path=f"/managedHSMs/{hsm_name}$", count=1, effect=Answer(status=400)
    )
    telling.control.inject_fault(refused)
    operation = finish(teller, hsm_name, request_for(telling, custodians), "Failed")
    told = await_told(receiver, operation["id"], "HsmProvisionFailed")["data"]
    assert told["securityDomainSafe"] is False
    error = told["error"]
    assert error == {name: operation["error"][name] for name in ("code", "message", "advice", "retryable")}
    hold = telling.control.hold(
        NewHold(service="resource_manager", method="PUT", path=f"/managedHSMs/{hsm_name}$", phase="before")
    )
    operation_id = teller.put_hsm(hsm_name, request_for(telling, custodians)).json()["id"]
    assert telling.control.await_hold(hold, 30)
    assert teller.send("POST", f"operations/{operation_id}/cancel").status_code == 202
    telling.control.release(hold)
    assert teller.follow(operation_id)["status"] == "Canceled"
    event = await_told(receiver, operation_id, "HsmProvisionFailed")
    assert event["data"]["error"]["code"] == "operation_canceled"


@pytest.mark.parametrize("purge", [False, True], ids=["terminated", "purged"])
def test_a_provision_that_was_ended_from_outside_is_told_once_another_takes_its_place(
    purge: bool, telling: Stack, teller: Portal, receiver: Receiver, hsm_name: str, custodians: list[Custodian]
) -> None:
    hold = telling.control.hold(
        NewHold(service="resource_manager", method="PUT", path=f"/managedHSMs/{hsm_name}$", phase="before")
    )
    body = request_for(telling, custodians, resourceGroup="rg-first")
    operation_id = teller.put_hsm(hsm_name, body).json()["id"]
    assert telling.control.await_hold(hold, 30)
    with TaskHubGrpcClient(host_address=telling.host.durable_address) as engine:
        end_instance(engine, hsm_name, purge=purge)
    telling.control.release(hold, drop=True)
    shown = teller.operation(operation_id)
    assert (shown["status"], shown["error"]["code"]) == ("Failed", "operation_interrupted")
    second = finish(teller, hsm_name, request_for(telling, custodians, resourceGroup="rg-second"))
    data = await_told(receiver, operation_id, "HsmProvisionFailed")["data"]
    assert data["error"] == {name: shown["error"][name] for name in ("code", "message", "advice", "retryable")}
    assert "/resourceGroups/rg-first/" in data["resourceId"]
    await_told(receiver, second["id"], "HsmProvisioned")
    await_empty(telling)
    assert len(told(receiver, operation_id, "HsmProvisionFailed")) == 1


def test_approval_and_the_restore_blob_are_asked_for(
    telling: Stack, teller: Portal, receiver: Receiver, hsm_name: str, custodians: list[Custodian]
) -> None:
    source = provision_source(telling, teller, f"{hsm_name}-s", custodians)
    operation = begin(telling, teller, hsm_name, source.hsm)
    asked = await_told(receiver, operation["id"], "ApprovalRequested")["data"]
    assert (asked["kind"], asked["planSha256"]) == ("restore", operation["approval"]["planSha256"])
    awaited = await_told(receiver, operation["id"], "RestoreBlobAwaited")["data"]
    assert awaited["transferKeyThumbprint"] == operation["transferKey"]["thumbprint"]
    assert (awaited["sourceHsm"], awaited["storeAt"]) == (source.hsm, operation["restoreBlob"]["url"])
    teller.send("POST", f"operations/{operation['id']}/cancel")
    assert teller.follow(operation["id"])["status"] == "Canceled"


def test_a_topic_that_is_down_or_slow_holds_nothing_up_and_is_told_later(
    telling: Stack, teller: Portal, receiver: Receiver, hsm_name: str, custodians: list[Custodian], directory: Path
) -> None:
    slow = NewFault(service="event_grid", method="POST", path="/api/events", count=1, effect=Delay(seconds=8))
    down = NewFault(service="event_grid", method="POST", path="/api/events", count=100, effect=Answer(status=503))
    slow_id, down_id = telling.control.inject_fault(slow), telling.control.inject_fault(down)
    began = time.monotonic()
    first = finish(teller, hsm_name, request_for(telling, custodians))
    # The next operation begins at once: what is published lies beside it.
    ended = teller.follow(delete(teller, hsm_name).json()["id"])
    assert ended["status"] == "Succeeded"
    assert time.monotonic() - began < 8
    await_logged(directory, f"{ended['id']}.HsmDecommissioned could not be published; it is kept: azure_unavailable")
    assert f"outbox/{ended['id']}.HsmDecommissioned" in kept(telling)
    for identifier in (slow_id, down_id):
        telling.control.remove_fault(identifier)
    telling.host.fire(SCHEDULE)
    await_told(receiver, first["id"], "HsmProvisioned")
    await_told(receiver, ended["id"], "HsmDecommissioned")
    await_empty(telling)


def test_without_the_role_it_is_logged_and_kept_until_there_is_one(
    telling: Stack,
    receiver: Receiver,
    custodians: list[Custodian],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    closed = "hsm-events-closed"
    monkeypatch.setenv(SETTING, let_in(telling, closed, []))
    telling.event_grid.put_subscription(closed, SubscriptionSettings(topic=closed, endpoint_url=receiver.url))
    record = make_record(make_claim(telling, "closed", request_for(telling, custodians)))
    with signed_in_as_the_app(telling):
        announcements.announce_drift(record, ["tags_differ"], "today")
        event_id = f"{record.created_by}.DriftFound.today"
        wait_until(
            lambda: f"the event {event_id} could not be published; it is kept: azure_sign_in_failed" in caplog.text
        )
        outbox.publish_kept()
        assert f"outbox/{event_id}" in kept(telling)
        let_in(telling, closed)
        outbox.publish_kept()
    assert await_told(receiver, record.created_by, "DriftFound")["id"] == event_id
    assert kept(telling) == []


def test_a_topic_that_takes_nothing_is_a_warning_of_readiness(telling: Stack, receiver: Receiver) -> None:
    before = len(receiver.notified)
    assert await_topic(telling, ready=True) == (200, {"name": "events", "ready": True, "optional": True})
    shut = NewFault(service="event_grid", method="POST", path="/api/events", count=100, effect=Answer(status=401))
    fault = telling.control.inject_fault(shut)
    status, seen = await_topic(telling, ready=False)
    telling.control.remove_fault(fault)
    assert (status, seen["optional"]) == (200, True)
    assert seen["message"].startswith("Azure did not let the service publish events: HTTP 401")
    # Some of those before may come only now: each is of an HSM, which no question whether it could be published is.
    assert all(request.body["subject"].startswith("hsms/") for request in receiver.notified[before:])


def await_topic(stack: Stack, *, ready: bool) -> tuple[int, dict[str, Any]]:
    """Ask until the topic is so: what was seen is kept for some seconds, and a busy machine is late."""
    deadline = time.monotonic() + 90
    while True:
        response = requests.get(f"{stack.host.functions_url}/api/health/ready", timeout=30)
        seen: dict[str, Any] = response.json()["dependencies"][-1]
        if seen["ready"] is ready and "There was no answer" not in seen.get("message", ""):
            return response.status_code, seen
        assert time.monotonic() < deadline, response.text
        time.sleep(1)


def test_what_is_found_of_an_hsm_is_told_once(
    telling: Stack,
    teller: Portal,
    receiver: Receiver,
    hsm_name: str,
    custodians: list[Custodian],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    operation = finish(teller, hsm_name, request_for(telling, custodians))
    receipt = operation["result"]["securityDomain"]
    monkeypatch.setenv(SETTING, let_in(telling))
    with signed_in_as_the_app(telling):
        for _ in range(2):
            verify_kept_security_domain(AskedVerification(hsm=hsm_name))
        container, path = "security-domains", f"{hsm_name}/{operation['id']}/{receipt['attempt']}/security-domain.json"
        stored.service(telling).get_blob_client(container, path).delete_blob()
        for _ in range(2):
            verify_kept_security_domain(AskedVerification(hsm=hsm_name))
        record = archive.find_hsm_record(hsm_name)
        assert record is not None
        announcements.announce_drift(record, ["tags_differ"], "2026-11-24")
        announcements.announce_expiring(record, datetime.now(UTC) + timedelta(days=7), "2026-11-24")
        for name in ("DriftFound", "HsmExpiring"):
            assert await_told(receiver, operation["id"], name)["id"] == f"{operation['id']}.{name}.2026-11-24"
        outbox.publish_kept()
    await_empty(telling)
    found = {event["id"]: event["data"] for event in told(receiver, operation["id"], UNVERIFIED)}
    assert sorted(data["quorumHealth"] for data in found.values()) == ["Critical", "Unknown"]
    assert {data["securityDomainSha256"] for data in found.values()} == {receipt["sha256"]}


def test_what_is_no_news_any_more_or_cannot_be_read_is_not_kept_for_ever(telling: Stack, receiver: Receiver) -> None:
    expiring = HsmExpiring.model_validate(EXAMPLES["HsmExpiring"])
    old = wrap(expiring, event_id="b-old", source=API_AUDIENCE, time=datetime.now(UTC) - outbox.KEPT_FOR)
    # Also behind one that the topic does not take.
    news = old.model_copy(update={"id": "a-news", "time": datetime.now(UTC)})
    plant_blob(telling, "outbox/a-news", news, {})
    down = NewFault(service="event_grid", method="POST", path="/api/events", count=100, effect=Answer(status=503))
    identifier = telling.control.inject_fault(down)
    plant_blob(telling, "outbox/b-old", old, {})
    for number, content in enumerate((b"{}", b"", b"[]", old.to_json().replace("HsmExpiring", "Other").encode())):
        plant_blob(telling, f"outbox/unreadable-{number}", content, {})
    telling.host.fire(SCHEDULE)
    wait_until(lambda: kept(telling) == ["outbox/a-news"])
    telling.control.remove_fault(identifier)
    telling.host.fire(SCHEDULE)
    await_empty(telling)
    assert await_told(receiver, expiring.operation_id, "HsmExpiring")["id"] == "a-news"


@pytest.mark.parametrize(
    ("service", "method", "path", "phase", "times"),
    [
        ("blob_storage", "PUT", "/outbox/{name}", "after", 1),
        ("blob_storage", "PUT", "/hsm-records/operations/{name}", "after", 1),
        ("event_grid", "POST", "/api/events", "before", 1),
        ("event_grid", "POST", "/api/events", "after", 2),
    ],
)
def test_a_worker_killed_on_the_way_tells_the_same_event(
    telling: Stack,
    teller: Portal,
    receiver: Receiver,
    hsm_name: str,
    custodians: list[Custodian],
    service: Any,
    method: str,
    path: str,
    phase: Any,
    times: int,
) -> None:
    held = NewHold(service=service, method=method, path=path.format(name=hsm_name), phase=phase)
    hold = telling.control.hold(held)
    operation_id = teller.put_hsm(hsm_name, request_for(telling, custodians)).json()["id"]
    assert telling.control.await_hold(hold, 30)
    kill(telling, {hold: phase})
    assert teller.follow(operation_id)["status"] == "Succeeded"
    telling.host.fire(SCHEDULE)
    event = await_told(receiver, operation_id, "HsmProvisioned", times)
    assert event["id"] == f"{operation_id}.HsmProvisioned"
    await_empty(telling)
    assert len(told(receiver, operation_id, "HsmProvisioned")) <= max(times, 2)
