"""The admin API: the host's state, its functions, invocation by hand, and the clock."""

import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from local.host.clock import HostClock
from local.host.functions import Function, FunctionTimedOut, InvocationFailed, WorkerDied
from local.host.webhooks.admin import make_admin_routes
from local.host.webhooks.event_grid import fire_event
from tests.local.host.http.support import Recorder, ask, function_of, http_function, make_app, make_keys

FUNCTIONS = [
    function_of("timerTrigger", "Tick"),
    function_of("eventGridTrigger", "onEvent"),
    http_function("hello", "hello/{who}"),
]


class Fired:
    """Keeps what was fired by hand, and fails as it was told."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.fired: list[tuple[str, str]] = []
        self._failure = failure

    async def __call__(self, function: Function, given: str) -> None:
        self.fired.append((function.name, given))
        if self._failure is not None:
            raise self._failure


def make(
    directory: Path,
    fired: Fired | None = None,
    *,
    clock: HostClock | None = None,
    enforced: bool = False,
    process_id: int | None = 7,
) -> Starlette:
    routes = make_admin_routes(
        FUNCTIONS,
        make_keys(directory, FUNCTIONS, enforced=enforced),
        describe_worker=lambda: {"processId": process_id, "restarts": 2},
        fire_by_trigger={"timerTrigger": fired or Fired()},
        clock=clock,
    )
    return make_app(directory, FUNCTIONS, Recorder(), enforced=enforced, host_routes=routes)


@pytest.mark.parametrize("process_id", [7, None])
def test_the_hosts_state(tmp_path: Path, process_id: int | None) -> None:
    response = ask(make(tmp_path, process_id=process_id), "GET", "/admin/host/status")
    assert (response.status_code, response.json()) == (
        200,
        {"state": "Running", "worker": {"processId": process_id, "restarts": 2}},
    )


def test_the_functions(tmp_path: Path) -> None:
    app = make(tmp_path)
    listed = ask(app, "GET", "/admin/functions").json()
    assert [function["name"] for function in listed] == ["Tick", "onEvent", "hello"]
    assert listed[2]["config"] == {"name": "hello", "bindings": [dict(binding) for binding in FUNCTIONS[2].bindings]}
    assert ask(app, "GET", "/admin/functions/HELLO").json() == listed[2]
    assert ask(app, "GET", "/admin/functions/nobody").status_code == 404


@pytest.mark.parametrize(("body", "given"), [({"input": "text"}, "text"), ({}, ""), ({"input": None}, "")])
def test_a_function_is_invoked_by_hand(tmp_path: Path, body: Any, given: str) -> None:
    fired = Fired()
    response = ask(make(tmp_path, fired), "POST", "/admin/functions/tick", json=body)
    assert (response.status_code, response.content) == (202, b"")
    assert fired.fired == [("Tick", given)]


@pytest.mark.parametrize(
    "failure", [InvocationFailed("ValueError", "the-message"), WorkerDied("gone"), FunctionTimedOut("slow")]
)
def test_how_an_invocation_by_hand_ends_is_only_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, failure: Exception
) -> None:
    caplog.set_level(logging.DEBUG, "local.host")
    response = ask(make(tmp_path, Fired(failure)), "POST", "/admin/functions/Tick", json={"input": "the-input"})
    assert response.status_code == 202
    kind = getattr(failure, "error_type", type(failure).__name__)
    assert [record.getMessage() for record in caplog.records if record.name.startswith("local.host")] == [
        f"Tick failed by hand: {kind}"
    ]


@pytest.mark.parametrize(("name", "trigger"), [("hello", "httpTrigger"), ("onEvent", "eventGridTrigger")])
def test_what_cannot_be_invoked_by_hand_is_accepted_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, trigger: str
) -> None:
    assert ask(make(tmp_path), "POST", f"/admin/functions/{name}", json={"input": ""}).status_code == 202
    assert f"{name} cannot be invoked by hand: it has a {trigger}" in caplog.text


def test_an_event_by_hand(tmp_path: Path) -> None:
    recorder = Recorder()

    async def fire(function: Function, given: str) -> None:
        await fire_event(recorder, function, given)

    keys = make_keys(tmp_path, FUNCTIONS, enforced=False)
    routes = make_admin_routes(FUNCTIONS, keys, describe_worker=dict, fire_by_trigger={"eventGridTrigger": fire})
    app = make_app(tmp_path, FUNCTIONS, recorder, host_routes=routes)
    event = json.dumps({"id": "1", "data": {}})
    assert ask(app, "POST", "/admin/functions/onEvent", json={"input": event}).status_code == 202
    assert [(name, *given, again) for name, given, again in recorder.asked] == [
        ("onEvent", "given", "json", event, False)
    ]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body: Invalid JSON"),
        (b"{", "the body: Invalid JSON"),
        (b"[]", "the body: "),
        (b"null", "the body: "),
        (b'{"input": {"a": 1}}', "input: Input should be a valid string"),
    ],
)
def test_a_bad_body(tmp_path: Path, body: bytes, message: str) -> None:
    fired = Fired()
    response = ask(make(tmp_path, fired), "POST", "/admin/functions/Tick", content=body)
    assert (response.status_code, fired.fired) == (400, [])
    assert response.text.startswith(message)


def test_an_unknown_function(tmp_path: Path) -> None:
    response = ask(make(tmp_path), "POST", "/admin/functions/nobody", json={"input": ""})
    assert (response.status_code, response.content) == (404, b"")


@pytest.mark.parametrize("change", [{}, {"speed": 60}, {"advanceSeconds": 86400}, {"speed": 0.5, "advanceSeconds": 60}])
def test_the_clock(tmp_path: Path, change: dict[str, float]) -> None:
    clock = HostClock()
    app = make(tmp_path, clock=clock)
    before = datetime.fromisoformat(ask(app, "GET", "/admin/host/clock").json()["now"])
    assert abs(before - datetime.now(UTC)) < timedelta(seconds=10)
    response = ask(app, "PUT", "/admin/host/clock", json=change)
    assert (response.status_code, response.json()["speed"]) == (200, change.get("speed", 1))
    moved = datetime.fromisoformat(response.json()["now"]) - before
    assert timedelta(0) <= moved - timedelta(seconds=change.get("advanceSeconds", 0)) < timedelta(seconds=30)
    assert clock.speed == change.get("speed", 1)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"speed": 0}', "speed: Input should be greater than 0"),
        (b'{"speed": -1}', "speed: Input should be greater than 0"),
        (b'{"speed": NaN}', "speed: Input should be a finite number"),
        (b'{"speed": 1e12}', "speed: Input should be less than or equal to 1000000"),
        (b'{"speed": "fast"}', "speed: Input should be a valid number"),
        (b'{"advanceSeconds": -1}', "advanceSeconds: Input should be greater than or equal to 0"),
        (b'{"advanceSeconds": Infinity}', "advanceSeconds: Input should be a finite number"),
        (b'{"advanceSeconds": 1e300}', "advanceSeconds: no date is that far away"),
        (b'{"advanceSeconds": 1e12}', "advanceSeconds: no date is that far away"),
        (b'{"advance_seconds": 1}', "advance_seconds: Extra inputs are not permitted"),
        (b"", "the body: Invalid JSON"),
    ],
)
def test_a_bad_change_of_the_clock(tmp_path: Path, body: bytes, message: str) -> None:
    clock = HostClock()
    response = ask(make(tmp_path, clock=clock), "PUT", "/admin/host/clock", content=body)
    assert response.status_code == 400
    assert response.text.startswith(message)
    assert clock.speed == 1
    assert abs(clock.utc() - datetime.now(UTC)) < timedelta(seconds=10)


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_without_control_there_is_no_clock(tmp_path: Path, method: str) -> None:
    assert ask(make(tmp_path), method, "/admin/host/clock", json={}).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/admin/host/status"),
        ("GET", "/admin/functions"),
        ("GET", "/admin/functions/Tick"),
        ("POST", "/admin/functions/Tick"),
        ("GET", "/admin/host/clock"),
        ("PUT", "/admin/host/clock"),
    ],
)
@pytest.mark.parametrize("place", ["header", "query"])
def test_only_the_master_key_opens_it(tmp_path: Path, method: str, path: str, place: str) -> None:
    contents = make_keys(tmp_path, FUNCTIONS).contents
    fired = Fired()
    app = make(tmp_path, fired, clock=HostClock(), enforced=True)

    def status(key: str) -> int:
        headers = {"x-functions-key": key} if place == "header" else {}
        params = {"code": key} if place == "query" else {}
        return ask(app, method, path, headers=headers, params=params, json={}).status_code

    others = ["", "wrong", contents.host["default"], contents.functions["Tick"]["default"], *contents.system.values()]
    assert {status(key) for key in others} == {401}
    assert fired.fired == []
    assert status(contents.master) in {200, 202}
