"""The whole app: who is let in, what is invoked, and what a client gets when it goes wrong."""

import asyncio
import base64
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import Message

from local.host.functions import FunctionTimedOut, InvocationFailed, Output, WorkerDied
from local.host.http.body import LARGEST_BODY
from local.host.http.routes import RouteError
from tests.local.host.http.support import Recorder, always, ask, function_of, http_function, make_app, make_keys

HELLO = http_function("hello", "hello/{who=you}", methods=["GET", "POST"])


def test_a_request_goes_to_its_function(tmp_path: Path) -> None:
    recorder = Recorder(always(Output("string", "done")))
    response = ask(make_app(tmp_path, [HELLO], recorder), "POST", "/API/Hello/a%2Fb?q=1", content=b"body")
    assert (response.status_code, response.text) == (200, "done")
    ((name, given, again),) = recorder.asked
    assert (name, given.name, given.kind, again) == ("hello", "req", "http", False)
    assert given.value["params"] == {"who": "a/b"}
    assert given.value["url"] == "http://localhost:7071/API/Hello/a%2Fb?q=1"
    assert base64.b64decode(given.value["body"]) == b"body"


def test_default_values_reach_the_function(tmp_path: Path) -> None:
    recorder = Recorder()
    assert ask(make_app(tmp_path, [HELLO], recorder), "GET", "/api/hello").status_code == 204
    assert recorder.asked[0][1].value["params"] == {"who": "you"}


@pytest.mark.parametrize(("path", "who"), [("a%0Ab", "a\nb"), ("%0A", "\n"), ("a%0D%0A", "a\r\n")])
def test_a_path_may_hold_line_breaks(tmp_path: Path, path: str, who: str) -> None:
    recorder = Recorder()
    assert ask(make_app(tmp_path, [HELLO], recorder), "GET", f"/api/hello/{path}").status_code == 204
    assert recorder.asked[0][1].value["params"] == {"who": who}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/hello"),
        ("GET", "/api/hello/a/b"),
        ("DELETE", "/api/hello"),
        ("HEAD", "/api/hello"),
        ("OPTIONS", "/api/hello"),
        ("GET", "/api/tick"),
        ("GET", "/api/hello%0A/x/y"),
    ],
)
def test_what_no_route_fits_is_not_found(tmp_path: Path, method: str, path: str) -> None:
    recorder = Recorder()
    app = make_app(tmp_path, [HELLO, function_of("timerTrigger", "tick")], recorder)
    response = ask(app, method, path)
    assert (response.status_code, recorder.asked) == (404, [])


@pytest.mark.parametrize("path", ["/admin", "/admin/x", "/%61dmin/x", "/RUNTIME/webhooks/x", "/runtime"])
def test_the_hosts_paths_reach_no_function(tmp_path: Path, path: str) -> None:
    recorder = Recorder()
    app = make_app(tmp_path, [http_function("all", "{*path}")], recorder, route_prefix="")
    assert ask(app, "GET", path).status_code == 404
    assert ask(app, "GET", f"{path}-of-mine").status_code == (204 if path.count("/") == 1 else 404)


def test_the_hosts_routes_come_first_and_in_any_case(tmp_path: Path) -> None:
    async def tell(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(request.path_params))

    inner = Route("/instances/{id}", tell)
    routes: list[Route | Mount] = [Route("/admin/x/{name}", tell), Mount("/runtime/webhooks/y", routes=[inner])]
    app = make_app(tmp_path, [http_function("all", "{*path}")], Recorder(), route_prefix="", host_routes=routes)
    assert ask(app, "GET", "/Admin/X/NaMe").text == "{'name': 'NaMe'}"
    assert ask(app, "GET", "/runtime/Webhooks/Y/instances/Id").text == "{'id': 'Id'}"
    assert ask(app, "GET", "/admin/z").status_code == 404
    assert ask(app, "DELETE", "/admin/x/name").status_code == 404
    assert ask(app, "GET", "/anything").status_code == 204


LEVELS = [
    http_function("anonymous", level="anonymous"),
    http_function("function", level="FUNCTION"),
    http_function("other", level="FUNCTION"),
    http_function("admin", "only/admin", level="ADMIN"),
]
PATHS = {"anonymous": "/api/anonymous", "function": "/api/function", "other": "/api/other", "admin": "/api/only/admin"}


@pytest.mark.parametrize("place", ["header", "query"])
@pytest.mark.parametrize(
    ("key", "opened"),
    [
        ("none", ["anonymous"]),
        ("empty", ["anonymous"]),
        ("wrong", ["anonymous"]),
        ("function", ["anonymous", "function"]),
        ("host", ["anonymous", "function", "other"]),
        ("system", ["anonymous"]),
        ("master", ["anonymous", "function", "other", "admin"]),
    ],
)
def test_who_is_let_in(tmp_path: Path, place: str, key: str, opened: list[str]) -> None:
    contents = make_keys(tmp_path, LEVELS).contents
    sent = {
        "none": None,
        "empty": "",
        "wrong": "wrong",
        "function": contents.functions["function"]["default"],
        "host": contents.host["default"],
        "system": contents.system["eventgrid_extension"],
        "master": contents.master,
    }[key]
    recorder = Recorder()
    app = make_app(tmp_path, LEVELS, recorder, enforced=True)
    headers = {"x-functions-key": sent} if place == "header" and sent is not None else {}
    query = {"code": sent} if place == "query" and sent is not None else {}
    answers = {name: ask(app, "GET", path, headers=headers, params=query) for name, path in PATHS.items()}
    assert {name: answer.status_code for name, answer in answers.items()} == {
        name: 204 if name in opened else 401 for name in PATHS
    }
    assert [name for name, _, _ in recorder.asked] == opened
    assert all(answer.content == b"" for answer in answers.values())


def test_the_header_wins_over_the_query(tmp_path: Path) -> None:
    master = make_keys(tmp_path, LEVELS).contents.master
    app = make_app(tmp_path, LEVELS, Recorder(), enforced=True)
    wrong = {"x-functions-key": "wrong"}
    assert ask(app, "GET", PATHS["function"], headers=wrong, params={"code": master}).status_code == 401
    right = {"x-functions-key": master}
    assert ask(app, "GET", PATHS["function"], headers=right, params={"code": "wrong"}).status_code == 204


def test_without_enforcement_all_are_let_in(tmp_path: Path) -> None:
    app = make_app(tmp_path, LEVELS, Recorder(), enforced=False)
    assert {ask(app, "GET", path).status_code for path in PATHS.values()} == {204}


def test_a_key_is_asked_for_before_the_body_is_looked_at(tmp_path: Path) -> None:
    app = make_app(tmp_path, LEVELS, Recorder(), enforced=True)
    headers = {"content-length": str(LARGEST_BODY + 1)}
    assert ask(app, "POST", PATHS["function"], headers=headers, content=b"x").status_code == 401


def test_a_body_that_is_too_large(tmp_path: Path) -> None:
    recorder = Recorder()
    app = make_app(tmp_path, [HELLO], recorder)
    headers = {"content-length": str(LARGEST_BODY + 1)}
    assert ask(app, "POST", "/api/hello", headers=headers, content=b"x").status_code == 413
    lying = {"content-length": "1"}
    assert ask(app, "POST", "/api/hello", headers=lying, content=bytes(LARGEST_BODY + 1)).status_code == 413
    assert recorder.asked == []


def test_a_body_without_a_length_is_not_passed_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"body"

    recorder = Recorder()
    assert ask(make_app(tmp_path, [HELLO], recorder), "POST", "/api/hello", content=parts()).status_code == 204
    assert recorder.asked[0][1].value["body"] == ""
    assert "content-length" in caplog.text


def test_a_client_that_goes_away_before_its_body_came(tmp_path: Path) -> None:
    recorder = Recorder()
    app = make_app(tmp_path, [HELLO], recorder)
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/hello",
        "raw_path": b"/api/hello",
        "query_string": b"",
        "headers": [(b"content-length", b"4")],
    }
    sent = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message["type"])

    asyncio.run(app(scope, receive, send))
    assert (recorder.asked, sent) == ([], ["http.response.start", "http.response.body"])


@pytest.mark.parametrize(
    ("outcome", "status", "line"),
    [
        (InvocationFailed("ValueError", "the-message", "the-stack"), 500, "hello answered 500: ValueError"),
        (FunctionTimedOut("slow"), 500, "hello answered 500: it timed out"),
        (WorkerDied("gone"), 502, "hello answered 502: its worker died"),
        (Output("http", {"status": 99, "headers": {}, "body": ""}), 500, "hello answered 500: 99 is no status"),
    ],
)
def test_failures(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, outcome: Output | Exception, status: int, line: str
) -> None:
    caplog.set_level(logging.DEBUG, "local.host")
    app = make_app(tmp_path, [HELLO], Recorder(always(outcome)))
    headers = {"x-functions-key": "the-key"}
    response = ask(app, "POST", "/api/hello/there?code=the-code&q=the-query", headers=headers, content=b"the-body")
    assert (response.status_code, response.content) == (status, b"")
    (record,) = [record for record in caplog.records if record.name.startswith("local.host")]
    assert record.getMessage().startswith(line)
    assert not {"the-key", "the-code", "the-query", "the-body", "the-message"} & set(record.getMessage().split())


def test_a_success_is_not_logged_here(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "local.host")
    ask(make_app(tmp_path, [HELLO], Recorder()), "GET", "/api/hello")
    assert [record for record in caplog.records if record.name.startswith("local.host")] == []


def test_cookies_arrive_as_they_were_set(tmp_path: Path) -> None:
    cookies = [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}]
    output = Output("http", {"status": 200, "headers": {"x": "y"}, "body": "", "cookies": cookies})
    response = ask(make_app(tmp_path, [HELLO], Recorder(always(output))), "GET", "/api/hello")
    assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]


def test_a_wrong_trigger_stops_the_app_from_being_made(tmp_path: Path) -> None:
    with pytest.raises(RouteError, match="function 'bad'"):
        make_app(tmp_path, [HELLO, http_function("bad", "{x")], Recorder())
