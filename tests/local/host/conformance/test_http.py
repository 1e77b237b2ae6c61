"""HTTP functions behind the front: routes, keys, what a function is given, and what becomes of its answer."""

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.local.host.conformance.host_client import HostClient
from tests.local.host.conformance.hosts import APPS, Hosts


@pytest.fixture(scope="module")
def web(hosts: Hosts) -> HostClient:
    return hosts.start(APPS / "web")


# --- routes


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("items/books/7", {"category": "books", "id": "7"}),
        ("items/books/-7", {"category": "books", "id": "-7"}),
        ("items/books", {"category": "books"}),
        ("ITEMS/Books/7", {"category": "Books", "id": "7"}),
        ("files/a/b%20c.txt", {"path": "a/b c.txt"}),
        ("files/", {}),
    ],
)
def test_route_parameters(web: HostClient, path: str, parameters: dict[str, str]) -> None:
    answer = web.function("GET", path)
    assert answer.status_code == 200
    assert answer.json()["route"] == parameters


@pytest.mark.parametrize("path", ["items/books/seven", "items/b00ks/7", "items", "items/books/7/8", "nothing", ""])
def test_routes_that_do_not_match(web: HostClient, path: str) -> None:
    assert web.function("GET", path).status_code == 404


def test_a_literal_goes_before_a_parameter(web: HostClient) -> None:
    assert web.function("GET", "items/special/7").text == "special"


def test_other_methods_are_not_found(web: HostClient) -> None:
    assert web.function("POST", "items/books/7").status_code == 404
    assert web.function("GET", "mirror").status_code == 404


# --- keys


@pytest.mark.parametrize("level", ["anonymous", "function", "admin"])
def test_keys_401_per_level(web: HostClient, level: str) -> None:
    path = f"api/levels/{level}"
    host = web.host
    opens = {"function": [host.functions_key, host.master_key], "admin": [host.master_key]}
    for key in (None, "", "wrong", host.functions_key, host.durable_key, host.event_grid_key, host.master_key):
        expected = 200 if level == "anonymous" or key in opens[level] else 401
        assert web.send("GET", path, key).status_code == expected, key
        assert web.send("GET", path, params={"code": key}).status_code == expected, key


def test_a_header_goes_before_the_query(web: HostClient) -> None:
    path = "api/levels/function"
    good = {"code": web.host.functions_key}
    assert web.send("GET", path, "wrong", params=good).status_code == 401
    assert web.send("GET", path, web.host.functions_key, params={"code": "wrong"}).status_code == 200


def test_the_admin_api_takes_the_master_key_alone(web: HostClient) -> None:
    for path in ("admin/host/status", "admin/functions"):
        for key in (None, "wrong", web.host.functions_key, web.host.durable_key):
            assert web.send("GET", path, key).status_code == 401
        assert web.send("GET", path, web.host.master_key).status_code == 200


def test_nobody_changes_the_time_without_control(web: HostClient) -> None:
    assert web.admin("PUT", "host/clock", json={"advanceSeconds": 1}).status_code == 404


def test_a_host_without_keys(hosts: Hosts) -> None:
    opened = hosts.start(APPS / "web", arguments=["--no-auth"])
    for path in ("api/levels/function", "api/levels/admin", "admin/host/status"):
        assert opened.send("GET", path).status_code == 200


# --- what a function is given


def raw(web: HostClient, path: str, headers: list[tuple[str, str]], body: list[bytes]) -> dict[str, Any]:
    """Send headers as they are, also such as occur twice."""
    connection = http.client.HTTPConnection(urlsplit(web.host.functions_url).netloc, timeout=10)
    try:
        connection.putrequest("POST", path)
        for name, value in [*headers, ("x-functions-key", web.host.functions_key)]:
            connection.putheader(name, value)
        connection.endheaders()
        for part in body:
            connection.send(part)
        answer = connection.getresponse()
        assert answer.status == 200
        document: dict[str, Any] = json.loads(answer.read())
        return document
    finally:
        connection.close()


def test_header_rules(web: HostClient) -> None:
    headers = [("X-Many", "a"), ("x-many", "b"), ("X-Empty", ""), ("X-One", "One, Two"), ("Content-Length", "0")]
    given = raw(web, "/api/echo?many=1&many=2&empty=&One=x", headers, [])
    assert {name: value for name, value in given["headers"].items() if name.startswith("x-") and "key" not in name} == {
        "x-many": "a,b",
        "x-one": "One, Two",
    }
    assert given["params"] == {"many": "1,2", "One": "x"}
    assert (given["method"], given["body"]) == ("POST", "")
    assert given["url"] == f"{web.host.functions_url}/api/echo?many=1&many=2&empty=&One=x"


def test_a_body_needs_its_length(web: HostClient) -> None:
    assert raw(web, "/api/echo", [("Content-Length", "5")], [b"12345"])["body"] == "12345"
    chunks = [b"5\r\n12345\r\n", b"0\r\n\r\n"]
    assert raw(web, "/api/echo", [("Transfer-Encoding", "chunked")], chunks)["body"] == ""


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "POST"])
def test_methods(web: HostClient, method: str) -> None:
    assert web.function(method, "echo").json()["method"] == method


def test_the_context(web: HostClient) -> None:
    first, second = (web.function("GET", "slow").text.split() for _ in range(2))
    assert first[0] == second[0] == "slow"
    assert first[1] != second[1]


# --- answers


def test_bytes_come_back_as_they_went(web: HostClient) -> None:
    body = bytes(range(256)) * 1000
    answer = web.function("POST", "mirror", data=body)
    assert (answer.status_code, answer.content) == (299, body)
    assert (answer.headers["content-type"], answer.headers["x-own"]) == ("application/x-bytes", "own")


def test_text(web: HostClient) -> None:
    answer = web.function("GET", "text")
    assert (answer.status_code, answer.text) == (200, "only text")
    assert answer.headers["content-type"].startswith("text/plain")


def test_multi_cookies(web: HostClient) -> None:
    answer = web.function("GET", "cookies")
    sent = [part.strip() for part in answer.raw.headers.getlist("set-cookie")]
    assert [parts(cookie) for cookie in sent] == [
        {"session=abc", "path=/", "max-age=60", "httponly", "secure", "samesite=lax"},
        {"theme=dark", "domain=example.org", "expires=Wed, 01 Jan 2098 00:00:00 GMT"},
        {"plain=1"},
    ]


def parts(cookie: str) -> set[str]:
    """Take a cookie apart; the names of attributes have no case."""
    found = [part.strip().partition("=") for part in cookie.split(";")]
    return {f"{name.lower()}{separator}{value}" for name, separator, value in found}


def test_a_function_that_raises(web: HostClient) -> None:
    answer = web.function("GET", "broken")
    assert answer.status_code == 500
    assert "not for callers" not in answer.text
    assert web.function("GET", "text").status_code == 200
