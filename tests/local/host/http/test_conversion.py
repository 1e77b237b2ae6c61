"""What a function gets of a request, and what a client gets of a function's output."""

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

import pytest
from starlette.requests import Request

from local.host.functions import Output
from local.host.http.conversion import BadOutput, Cookie, describe_request, make_response


def describe(
    *, headers: list[tuple[str, str]] | None = None, path: str = "/api/x", query: str = "", body: bytes = b""
) -> Mapping[str, Any]:
    encoded = [
        (name.encode(), value.encode("latin-1")) for name, value in [("host", "localhost:7071"), *(headers or [])]
    ]
    scope = {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": encoded,
    }
    given = describe_request("req", Request(scope), {"id": "a b"}, body)
    assert (given.name, given.kind) == ("req", "http")
    value: Mapping[str, Any] = given.value
    return value


def test_a_request() -> None:
    assert describe(path="/api/a%20b%2Fc/", query="q=1&code=k", body=b"\x00\xff") == {
        "method": "POST",
        "url": "http://localhost:7071/api/a%20b%2Fc/?q=1&code=k",
        "headers": {"host": "localhost:7071"},
        "params": {"id": "a b"},
        "query": {"q": "1", "code": "k"},
        "body": base64.b64encode(b"\x00\xff").decode(),
    }


def test_a_request_without_query_and_body() -> None:
    value = describe()
    assert (value["url"], value["query"], value["body"]) == ("http://localhost:7071/api/x", {}, "")


def test_empty_values_are_dropped_and_repeated_ones_joined() -> None:
    headers = [("x-many", "1"), ("x-empty", ""), ("x-many", ""), ("x-many", "2, 3")]
    value = describe(headers=headers, query="a=1&empty=&A=2&a=&a=%2C%26&plus=a+b&none")
    assert value["headers"] == {"host": "localhost:7071", "x-many": "1,2, 3"}
    assert value["query"] == {"a": "1,2,,&", "plus": "a b"}


def answer(output: Output | None) -> tuple[int, dict[str, str], bytes]:
    """Give an answer as the server sends it; of several headers of one name the last."""
    sent: list[Mapping[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError

    asyncio.run(make_response(output)({"type": "http", "method": "GET"}, receive, send))
    headers = {name.decode(): text.decode("latin-1") for name, text in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent)


def http(status: int = 200, headers: dict[str, str] | None = None, body: bytes = b"", **more: Any) -> Output:
    encoded = base64.b64encode(body).decode()
    return Output("http", {"status": status, "headers": headers or {}, "body": encoded, **more})


@pytest.mark.parametrize(
    ("output", "status", "content_type", "body"),
    [
        (None, 204, None, b""),
        (Output("string", "grüß"), 200, "text/plain; charset=utf-8", "grüß".encode()),
        (Output("string", ""), 200, "text/plain; charset=utf-8", b""),
        (Output("json", '{"a": 1}'), 200, "application/json", b'{"a": 1}'),
        (Output("bytes", b"\x00\xff"), 200, "application/octet-stream", b"\x00\xff"),
        (Output("int", 7), 200, "application/json", b"7"),
        (http(201, {"Content-Type": "text/html"}, b"<p>"), 201, "text/html", b"<p>"),
        (http(404), 404, None, b""),
        (http(204, {"content-type": "text/plain"}, b"dropped"), 204, "text/plain", b""),
        (http(304, {}, b"dropped"), 304, None, b""),
    ],
)
def test_answers(output: Output | None, status: int, content_type: str | None, body: bytes) -> None:
    got, headers, content = answer(output)
    assert (got, headers.get("content-type"), content) == (status, content_type, body)
    assert headers.get("content-length") == (None if status in {204, 304} else str(len(body)))


def test_headers_of_an_answer() -> None:
    headers = {"X-Answer": "é", "Content-Length": "999", "Transfer-Encoding": "chunked", "Connection": "close"}
    assert answer(http(200, headers, b"abc"))[1] == {"x-answer": "é", "content-length": "3"}


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (http(100), "100 is no status"),
        (http(199), "199 is no status"),
        (http(1000), "1000 is no status"),
        (http(200, {"x": "€"}), "can't encode"),
        (http(200, cookies=[{"name": "a", "value": "b", "expires": 10**20}]), "out of range"),
    ],
)
def test_what_is_no_answer(output: Output, message: str) -> None:
    with pytest.raises(BadOutput, match=message):
        make_response(output)


@pytest.mark.parametrize(
    ("cookie", "written"),
    [
        ({"name": "a", "value": "b"}, "a=b"),
        ({"name": "a", "value": ""}, "a="),
        ({"name": "a", "value": "x y=;ü"}, "a=x%20y%3D%3B%C3%BC"),
        (
            {
                "name": "a",
                "value": "",
                "domain": "a.b",
                "path": "/",
                "expires": 1700000000,
                "maxAge": 6.0,
                "secure": True,
                "httpOnly": True,
                "sameSite": "None",
            },
            "a=; expires=Tue, 14 Nov 2023 22:13:20 GMT; max-age=6; domain=a.b; path=/; samesite=none; secure; httponly",
        ),
        (
            {"name": "a", "value": "b", "domain": "", "path": None, "expires": None, "secure": False, "sameSite": None},
            "a=b",
        ),
        (
            {"name": "a", "value": "b", "maxAge": 0, "expires": 0},
            "a=b; expires=Thu, 01 Jan 1970 00:00:00 GMT; max-age=0",
        ),
    ],
)
def test_cookies(cookie: Cookie, written: str) -> None:
    assert make_response(http(cookies=[cookie])).headers.getlist("set-cookie") == [written]


def test_several_cookies_are_several_headers() -> None:
    cookies = [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}, {"name": "a", "value": "3", "path": "/p"}]
    assert make_response(http(cookies=cookies)).headers.getlist("set-cookie") == ["a=1", "b=2", "a=3; path=/p"]
    assert make_response(http(cookies=[])).headers.getlist("set-cookie") == []
    assert make_response(http(cookies=None)).headers.getlist("set-cookie") == []
