"""Event Grid's webhook: both schemas, both handshakes, and who may deliver."""

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from local.host.functions import FunctionTimedOut, Input, InvocationFailed, Output, WorkerDied
from local.host.webhooks.event_grid import make_event_grid_routes
from tests.local.host.http.support import Recorder, always, ask, function_of, http_function, make_app, make_keys

FUNCTIONS = [function_of("eventGridTrigger", "onEvent"), function_of("timerTrigger", "tick"), http_function("hello")]
WEBHOOK = "/runtime/webhooks/eventgrid"
EVENT = {
    "id": "1",
    "topic": "/subscriptions/s",
    "subject": "grüße",
    "eventType": "Made",
    "eventTime": "2026-01-02T03:04:05.678Z",
    "data": {"number": 1.5, "nested": [None, True]},
    "dataVersion": "1",
}
CLOUD_EVENT = {"specversion": "1.0", "id": "2", "source": "/s", "type": "Made", "data": {"a": 1}}


def make(directory: Path, recorder: Recorder, *, enforced: bool = False) -> Starlette:
    keys = make_keys(directory, FUNCTIONS, enforced=enforced)
    routes = make_event_grid_routes(FUNCTIONS, recorder, keys)
    return make_app(directory, FUNCTIONS, recorder, enforced=enforced, host_routes=routes)


def deliver(
    app: Starlette, content: Any, kind: str | None = "Notification", *, function: str | None = "onEvent", **more: Any
) -> httpx.Response:
    """Deliver what Event Grid would; bytes as they are, all else as JSON."""
    headers = {"aeg-event-type": kind} if kind is not None else {}
    headers |= more.pop("headers", {})
    params = {"functionName": function} if function is not None else {}
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return ask(app, "POST", WEBHOOK, content=body, headers=headers, params=params | more)


def taken(recorder: Recorder) -> list[Any]:
    assert {(name, given.name, given.kind, again) for name, given, again in recorder.asked} <= {
        ("onEvent", "given", "json", False)
    }
    return [json.loads(given.value) for _, given, _ in recorder.asked]


@pytest.mark.parametrize(
    ("content", "content_type", "events"),
    [
        ([EVENT], "application/json", [EVENT]),
        ([EVENT, {**EVENT, "id": "3"}], "application/json", [EVENT, {**EVENT, "id": "3"}]),
        (CLOUD_EVENT, "application/cloudevents+json; charset=utf-8", [CLOUD_EVENT]),
        (
            [CLOUD_EVENT, {**CLOUD_EVENT, "id": "4"}],
            "application/cloudevents-batch+json",
            [CLOUD_EVENT, {**CLOUD_EVENT, "id": "4"}],
        ),
        ([], "application/json", []),
    ],
)
def test_each_event_is_one_invocation(tmp_path: Path, content: Any, content_type: str, events: list[Any]) -> None:
    recorder = Recorder()
    response = deliver(make(tmp_path, recorder), content, headers={"content-type": content_type})
    assert (response.status_code, response.content) == (202, b"")
    assert taken(recorder) == events


def test_events_are_taken_at_the_same_time(tmp_path: Path) -> None:
    both = asyncio.Barrier(2)

    class Waiting(Recorder):
        async def invoke(self, *arguments: Any, **more: Any) -> Output | None:
            async with asyncio.timeout(10):
                await both.wait()
            return await super().invoke(*arguments, **more)

    assert deliver(make(tmp_path, Waiting()), [EVENT, CLOUD_EVENT]).status_code == 202


@pytest.mark.parametrize(
    "failure", [InvocationFailed("ValueError", "the-message"), WorkerDied("gone"), FunctionTimedOut("slow")]
)
def test_one_failure_has_all_sent_again(tmp_path: Path, caplog: pytest.LogCaptureFixture, failure: Exception) -> None:
    def answer(given: Input) -> Output | None:
        return always(failure if json.loads(given.value)["id"] == "1" else None)(given)

    caplog.set_level(logging.DEBUG, "local.host")
    recorder = Recorder(answer)
    response = deliver(make(tmp_path, recorder), [EVENT, {**EVENT, "id": "3"}], code="the-code")
    assert (response.status_code, response.text) == (500, "Exception while executing function: Functions.onEvent")
    assert [event["id"] for event in taken(recorder)] == ["1", "3"]
    (record,) = [record for record in caplog.records if record.name.startswith("local.host")]
    kind = getattr(failure, "error_type", type(failure).__name__)
    assert record.getMessage() == f"onEvent failed to take an event: {kind}"


VALIDATION = {**EVENT, "data": {"validationCode": "the-code", "validationUrl": "https://x"}}


@pytest.mark.parametrize(
    "content",
    [[VALIDATION], VALIDATION, {**CLOUD_EVENT, "data": json.dumps(VALIDATION["data"])}],
)
def test_the_handshake_of_event_grids_own_schema(tmp_path: Path, content: Any) -> None:
    recorder = Recorder()
    response = deliver(make(tmp_path, recorder), content, "subscriptionValidation")
    assert (response.status_code, response.json()) == (200, {"validationResponse": "the-code"})
    assert recorder.asked == []


@pytest.mark.parametrize("content", [[], [EVENT], {**EVENT, "data": "{}"}, {**EVENT, "data": {"validationCode": 1}}])
def test_a_handshake_without_a_code(tmp_path: Path, content: Any) -> None:
    response = deliver(make(tmp_path, Recorder()), content, "SubscriptionValidation")
    assert (response.status_code, response.text) == (400, "the event has no data.validationCode")


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        ("eventgrid.azure.net", "eventgrid.azure.net"),
        ("eventgrid.azure.us", "eventgrid.azure.us"),
        ("somebody.example", "eventgrid.azure.net"),
        (None, "eventgrid.azure.net"),
    ],
)
def test_the_handshake_of_cloud_events(tmp_path: Path, asked: str | None, allowed: str) -> None:
    headers = {"WebHook-Request-Origin": asked} if asked else {}
    response = ask(make(tmp_path, Recorder()), "OPTIONS", f"{WEBHOOK}?functionName=onEvent", headers=headers)
    assert (response.status_code, response.headers["webhook-allowed-origin"]) == (200, allowed)
    assert "webhook-allowed-rate" not in response.headers


def test_a_rate_is_allowed_where_one_is_asked_for(tmp_path: Path) -> None:
    headers = {"WebHook-Request-Origin": "eventgrid.azure.net", "WebHook-Request-Rate": "120"}
    response = ask(make(tmp_path, Recorder()), "OPTIONS", f"{WEBHOOK}?functionName=onEvent", headers=headers)
    assert response.headers["webhook-allowed-rate"] == "*"


def test_the_end_of_a_subscription(tmp_path: Path) -> None:
    recorder = Recorder()
    assert deliver(make(tmp_path, recorder), b"", "Unsubscribe").status_code == 202
    assert recorder.asked == []


@pytest.mark.parametrize("kind", [None, "", "Other"])
def test_a_delivery_of_no_kind(tmp_path: Path, kind: str | None) -> None:
    response = deliver(make(tmp_path, Recorder()), CLOUD_EVENT, kind)
    assert (response.status_code, "aeg-event-type" in response.text) == (400, True)


@pytest.mark.parametrize("kind", ["Notification", "SubscriptionValidation"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the body is no JSON"),
        (b"{", "the body is no JSON"),
        (b"\xff", "the body is no JSON"),
        (b"[" * 200_000, "the body is no JSON"),
        (b'"text"', "the body is neither an event nor an array of events"),
        (b"[1]", "the body is neither an event nor an array of events"),
    ],
)
def test_a_body_that_is_no_event(tmp_path: Path, kind: str, content: bytes, message: str) -> None:
    recorder = Recorder()
    response = deliver(make(tmp_path, recorder), content, kind)
    assert (response.status_code, recorder.asked) == (400, [])
    assert response.text.startswith(message)


@pytest.mark.parametrize("function", ["nobody", "tick", "hello", "onevent", "", None])
def test_a_function_that_takes_no_events(tmp_path: Path, function: str | None) -> None:
    response = deliver(make(tmp_path, Recorder()), [EVENT], function=function)
    assert (response.status_code, response.text) == (404, f"cannot find function: '{function or ''}'")


@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
@pytest.mark.parametrize("place", ["header", "query"])
@pytest.mark.parametrize(
    ("key", "status"),
    [
        ("none", 401),
        ("wrong", 401),
        ("function", 401),
        ("host", 401),
        ("durable", 401),
        ("system", 200),
        ("master", 200),
    ],
)
def test_who_may_deliver(tmp_path: Path, method: str, place: str, key: str, status: int) -> None:
    contents = make_keys(tmp_path, FUNCTIONS).contents
    sent = {
        "none": "",
        "wrong": "wrong",
        "function": contents.functions["onEvent"]["default"],
        "host": contents.host["default"],
        "durable": contents.system["durabletask_extension"],
        "system": contents.system["eventgrid_extension"],
        "master": contents.master,
    }[key]
    headers = {"aeg-event-type": "SubscriptionValidation"} | ({"x-functions-key": sent} if place == "header" else {})
    params = {"functionName": "onEvent"} | ({"code": sent} if place == "query" else {})
    app = make(tmp_path, Recorder(), enforced=True)
    response = ask(app, method, WEBHOOK, content=json.dumps([VALIDATION]), headers=headers, params=params)
    assert response.status_code == status


def test_names_in_paths_and_queries_may_be_of_any_case(tmp_path: Path) -> None:
    recorder = Recorder()
    path = "/runtime/webhooks/EventGrid?functionname=onEvent"
    response = ask(make(tmp_path, recorder), "POST", path, json=[EVENT], headers={"aeg-event-type": "NOTIFICATION"})
    assert (response.status_code, len(recorder.asked)) == (202, 1)
