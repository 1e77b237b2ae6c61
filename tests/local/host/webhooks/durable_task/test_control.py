"""What the management API does to running and ended instances, and who may."""

import itertools
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from urllib.parse import urlsplit

import httpx
import pytest

from local.host.webhooks.durable_task.links import BASE_PATH
from tests.local.host.webhooks.conftest import KEY, RunningEngine, Until
from tests.local.host.webhooks.durable_functions import Weather

_NUMBERS = itertools.count()


@pytest.fixture
def waiting(api: httpx.Client, until: Until) -> str:
    """The path of an instance that waits."""
    path = f"instances/waiting:{next(_NUMBERS)}"
    api.post(f"orchestrators/wait_for_approval/{path.removeprefix('instances/')}")
    until(path, "Running")
    return path


@pytest.fixture
def ended(api: httpx.Client) -> str:
    """The path of an instance that completed."""
    api.post("orchestrators/echo/ended", params={"timeout": 10})
    return "instances/ended"


def test_an_event(api: httpx.Client, until: Until, waiting: str) -> None:
    answer = api.post(f"{waiting}/raiseEvent/approval", json={"by": "Ada"})
    assert (answer.status_code, answer.content) == (202, b"")
    assert until(waiting, "Completed")["output"] == {"approval": {"by": "Ada"}}


def test_an_event_in_any_case_of_the_path_and_with_a_charset(api: httpx.Client, until: Until, waiting: str) -> None:
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert api.post(f"{waiting}/RAISEEVENT/approval", content=b"null", headers=headers).status_code == 202
    assert until(waiting, "Completed")["output"] == {"approval": None}


@pytest.mark.parametrize(
    ("content", "media_type", "message"),
    [
        (b"1", "text/plain", "Only application/json request content is supported"),
        (b"{", "application/json", "Invalid JSON content"),
        (b"", "application/json", "Invalid JSON content"),
    ],
)
def test_an_event_that_is_no_json_is_refused(
    api: httpx.Client, waiting: str, content: bytes, media_type: str, message: str
) -> None:
    answer = api.post(f"{waiting}/raiseEvent/approval", content=content, headers={"content-type": media_type})
    assert (answer.status_code, answer.json()["Message"]) == (400, message)


@pytest.mark.parametrize("operation", ["raiseEvent/approval", "terminate", "suspend", "resume", "rewind"])
def test_nothing_happens_to_what_is_not_there_or_has_ended(api: httpx.Client, ended: str, operation: str) -> None:
    assert api.post(f"instances/nobody/{operation}", json=1).status_code == 404
    answer = api.post(f"{ended}/{operation}", json=1)
    assert (answer.status_code, answer.content) == (410, b"")


@pytest.mark.parametrize(
    ("query", "output"), [("?reason=buggy", "buggy"), ("?reason=42", "42"), ("?reason=", ""), ("", None)]
)
def test_the_reason_of_a_termination_is_the_output(
    api: httpx.Client, until: Until, waiting: str, query: str, output: str | None
) -> None:
    assert api.post(f"{waiting}/terminate{query}").status_code == 202
    assert until(waiting, "Terminated")["output"] == output


def test_children_outlive_their_terminated_parent(api: httpx.Client, until: Until) -> None:
    api.post("orchestrators/call_other/parent", json="orphan")
    until("instances/orphan", "Running")
    api.post("instances/parent/terminate")
    until("instances/parent", "Terminated")
    assert api.get("instances/orphan").json()["runtimeStatus"] == "Running"


def test_what_is_suspended_goes_on_when_it_is_resumed(api: httpx.Client, until: Until, waiting: str) -> None:
    assert api.post(f"{waiting}/suspend").status_code == 202
    until(waiting, "Suspended")
    assert api.get(waiting).status_code == 202
    assert api.post(f"{waiting}/raiseEvent/approval", json=1).status_code == 202
    assert api.get(waiting).json()["runtimeStatus"] == "Suspended"
    assert api.post(f"{waiting}/resume").status_code == 202
    assert until(waiting, "Completed")["output"] == {"approval": 1}


def test_a_rewind_goes_on_from_before_the_failure(
    api: httpx.Client, until: Until, waiting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = api.post(f"{waiting}/rewind")
    assert (answer.status_code, answer.json()["ExceptionType"]) == (400, "System.ArgumentException")
    api.post("orchestrators/delivery/rewound", json="a parcel", params={"timeout": 10})
    monkeypatch.setattr(Weather, "fair", True)
    assert api.post("instances/rewound/rewind", params={"reason": "fair weather"}).status_code == 202
    assert until("instances/rewound", "Completed")["output"] == "a parcel"


def test_a_purge(api: httpx.Client, ended: str, waiting: str) -> None:
    answer = api.delete(ended)
    assert (answer.status_code, answer.json()) == (200, {"instancesDeleted": 1})
    assert api.get(ended).status_code == 404
    assert api.delete(ended).status_code == 404
    answer = api.delete(waiting)
    assert answer.status_code == 412
    assert answer.json().endswith("has status Running.")


def test_a_purge_by_filter(api: httpx.Client, waiting: str) -> None:
    before = datetime.now(UTC)
    for number in range(3):
        api.post(f"orchestrators/echo/filtered-{number}", params={"timeout": 10})
    api.post("orchestrators/delivery/filtered-failed", json="a parcel", params={"timeout": 10})
    created = {"createdTimeFrom": before.isoformat()}
    answer = api.delete("instances/", params=created | {"createdTimeTo": before.isoformat()})
    assert (answer.status_code, answer.content) == (404, b"")
    answer = api.delete("instances/", params=created | {"runtimeStatus": "Failed"})
    assert (answer.status_code, answer.json()) == (200, {"instancesDeleted": 1})
    answer = api.delete("instances", params=created | {"createdTimeTo": (before + timedelta(hours=1)).isoformat()})
    assert answer.json() == {"instancesDeleted": 3}
    assert api.get(waiting).json()["runtimeStatus"] == "Running"


def test_a_purge_by_filter_needs_a_beginning(api: httpx.Client, ended: str) -> None:
    answer = api.delete("instances/", params={"createdTimeTo": "2999-01-01"})
    assert (answer.status_code, answer.json()) == (400, "Please provide value for 'createdTimeFrom' parameter.")
    assert api.get(ended).status_code == 200


def test_this_app_is_the_primary_one(api: httpx.Client) -> None:
    answer = api.post("makeprimary")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("path", ["instances", "instances/some", "orchestrators/echo", "entities", "nothing"])
def test_nobody_gets_in_without_the_key(engine: RunningEngine, path: str) -> None:
    url = f"{engine.origin}{BASE_PATH}/{path}"
    assert httpx.get(url).status_code == 401
    assert httpx.post(url, params={"code": "wrong"}, json=1).status_code == 401
    assert httpx.get(url, params={"code": KEY}).status_code != 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "orchestrators/echo"),
        ("POST", "instances"),
        ("PUT", "instances/some"),
        ("GET", "instances/some/terminate"),
        ("POST", "instances/some/dance"),
        ("GET", "instances/some/raiseEvent/approval"),
        ("PATCH", "entities/counter/some"),
        ("GET", "nothing"),
    ],
)
def test_what_is_not_there_is_not_found(api: httpx.Client, method: str, path: str) -> None:
    answer = api.request(method, path)
    assert (answer.status_code, answer.content) == (404, b"")


def test_a_body_may_have_100_mb(engine: RunningEngine) -> None:
    host = urlsplit(engine.origin).netloc
    with closing(HTTPConnection(host, timeout=10)) as connection:
        connection.putrequest("POST", f"{BASE_PATH}/orchestrators/echo")
        connection.putheader("x-functions-key", KEY)
        connection.putheader("content-length", str(100 * 1024 * 1024 + 1))
        connection.endheaders()
        assert connection.getresponse().status == 413


def test_paths_are_known_in_any_case(engine: RunningEngine, ended: str) -> None:
    url = f"{engine.origin}/runtime/Webhooks/durableTask/{ended.replace('instances', 'Instances')}/"
    assert httpx.get(url, headers={"x-functions-key": KEY}).json()["instanceId"] == "ended"
