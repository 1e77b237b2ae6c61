"""Entities in the management API."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

State = Callable[[str, Any], None]


@pytest.fixture
def expect(api: httpx.Client) -> State:
    """Wait until an entity has a state; None where it is to have none."""

    def wait(path: str, state: Any) -> None:
        deadline = time.monotonic() + 10
        while (answer := api.get(path)).status_code != (404 if state is None else 200) or (
            state is not None and answer.json() != state
        ):
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.02)

    return wait


def test_signals_and_the_state(api: httpx.Client, expect: State) -> None:
    answer = api.post("entities/Counter/steps", params={"op": "add"}, json=5)
    assert (answer.status_code, answer.content) == (202, b"")
    expect("entities/counter/steps", 5)
    api.post("entities/COUNTER/steps", params={"OP": "add"}, json=3)
    expect("entities/Counter/steps", 8)
    assert api.delete("entities/Counter/steps").status_code == 202
    expect("entities/Counter/steps", None)


def test_what_is_no_json_is_given_as_a_string(api: httpx.Client, expect: State) -> None:
    api.post(
        "entities/counter/text", params={"op": "write"}, content='so "quoted"', headers={"content-type": "text/plain"}
    )
    expect("entities/counter/text", 'so "quoted"')
    api.post("entities/counter/text", params={"op": "write"}, json={"as": "JSON"})
    expect("entities/counter/text", {"as": "JSON"})


def test_content_that_is_not_the_json_it_claims_to_be_is_refused(api: httpx.Client) -> None:
    headers = {"content-type": "application/json"}
    answer = api.post("entities/counter/broken", params={"op": "write"}, content=b"{", headers=headers)
    assert answer.status_code == 400
    assert answer.json()["Message"].startswith("Could not parse JSON content: ")


def test_a_key_of_many_characters(api: httpx.Client, expect: State) -> None:
    api.post("entities/counter/a%20key:%25home%2B1", params={"op": "add"}, json=1)
    expect("entities/counter/a%20key:%25home%2B1", 1)
    found = [entity["entityId"] for entity in api.get("entities/counter").json()]
    assert {"name": "counter", "key": "a key:%home+1"} in found


@pytest.mark.parametrize("path", ["counter", "counter/a%40b", "counter/a%23b", "counter/a%3Fb", "counter/a%5Cb"])
def test_a_key_that_no_entity_can_have_is_refused(api: httpx.Client, path: str) -> None:
    answer = api.post(f"entities/{path}", params={"op": "add"}, json=1)
    assert answer.status_code == 400
    assert "entity key" in answer.json()["Message"]


def test_the_empty_key_has_no_state(api: httpx.Client) -> None:
    assert api.get("entities/counter/$").status_code == 404


def test_unknown_entities(api: httpx.Client) -> None:
    answer = api.post("entities/hello/key", params={"op": "add"}, json=1)
    assert answer.status_code == 400
    assert answer.json()["Message"].startswith("The function 'hello' doesn't exist, is disabled, or is not an entity")
    answer = api.get("entities/counter/nobody")
    assert (answer.status_code, answer.content) == (404, b"")


def test_a_list(api: httpx.Client, expect: State) -> None:
    for key in ("list-1", "list-2", "list-3"):
        api.post(f"entities/counter/{key}", params={"op": "add"}, json=1)
    expect("entities/counter/list-3", 1)
    view = next(each for each in api.get("entities").json() if each["entityId"]["key"] == "list-2")
    assert view.keys() == {"entityId", "lastOperationTime"}
    assert view["entityId"] == {"name": "counter", "key": "list-2"}
    assert abs(datetime.fromisoformat(view["lastOperationTime"]) - datetime.now(UTC)) < timedelta(minutes=5)
    with_state = api.get("entities/Counter/", params={"fetchState": "true"}).json()
    assert 1 in [each["state"] for each in with_state if each["entityId"]["key"] == "list-2"]
    assert api.get("entities/other").json() == []


def test_a_list_in_pages_and_by_time(api: httpx.Client, expect: State) -> None:
    for key in ("page-1", "page-2"):
        api.post(f"entities/counter/{key}", params={"op": "add"}, json=1)
        expect(f"entities/counter/{key}", 1)
    everything = [each["entityId"]["key"] for each in api.get("entities").json()]
    found, token = [], ""
    while True:
        answer = api.get("entities", params={"top": 1}, headers={"x-ms-continuation-token": token})
        found += [each["entityId"]["key"] for each in answer.json()]
        token = answer.headers["x-ms-continuation-token"]
        if not token:
            break
    assert found == everything
    assert {"page-1", "page-2"} <= set(found)
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert api.get("entities", params={"lastOperationTimeFrom": later}).json() == []
    assert len(api.get("entities", params={"lastOperationTimeTo": later}).json()) == len(everything)
