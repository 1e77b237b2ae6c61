"""Starting and restarting instances through the management API."""

import re
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.host.webhooks.durable_task.links import BASE_PATH
from tests.local.host.webhooks.conftest import KEY, RunningEngine, Until


def test_a_start_answers_with_links(api: httpx.Client, engine: RunningEngine, until: Until) -> None:
    answer = api.post("orchestrators/hello", json="Ada")
    assert answer.status_code == 202
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    links = answer.json()
    assert re.fullmatch("[0-9a-f]{32}", links["id"])
    instance = f"{engine.origin}{BASE_PATH}/instances/{links['id']}"
    query = f"taskHub=TestHub&connection=Storage&code={quote(KEY, safe='')}"
    assert links == {
        "id": links["id"],
        "statusQueryGetUri": f"{instance}?{query}",
        "sendEventPostUri": f"{instance}/raiseEvent/{{eventName}}?{query}",
        "terminatePostUri": f"{instance}/terminate?reason={{text}}&{query}",
        "purgeHistoryDeleteUri": f"{instance}?{query}",
        "restartPostUri": f"{instance}/restart?{query}",
        "suspendPostUri": f"{instance}/suspend?reason={{text}}&{query}",
        "resumePostUri": f"{instance}/resume?reason={{text}}&{query}",
    }
    assert (answer.headers["location"], answer.headers["retry-after"]) == (links["statusQueryGetUri"], "10")
    assert until(f"instances/{links['id']}", "Completed")["output"] == "Hello Ada!"


def test_the_body_is_the_input_and_an_empty_one_is_none(api: httpx.Client) -> None:
    document = {"text": "größer", "numbers": [1, 2.5, None]}
    assert api.post("orchestrators/echo", json=document, params={"timeout": 10}).json() == document
    with_mark = api.post("orchestrators/echo", content=b'\xef\xbb\xbf{"a": 1}', params={"timeout": 10})
    assert with_mark.json() == {"a": 1}
    answer = api.post("orchestrators/echo", params={"timeout": 10})
    assert (answer.status_code, answer.text) == (200, "null")


def test_numbers_that_json_does_not_have_are_shown_by_their_names(api: httpx.Client) -> None:
    answer = api.post("orchestrators/echo", content=b"[NaN, -Infinity]", params={"timeout": 10})
    assert answer.json() == ["NaN", "-Infinity"]


def test_a_version_is_the_orchestrations(api: httpx.Client) -> None:
    assert api.post("orchestrators/tell_version", params={"version": "1.2", "TIMEOUT": "10"}).json() == "1.2"


def test_waiting_ends_with_links_where_the_instance_does_not(api: httpx.Client) -> None:
    answer = api.post("orchestrators/wait_for_approval/waits", params={"timeout": "0.1", "pollingInterval": "1"})
    assert answer.status_code == 202
    assert answer.json()["id"] == "waits"


def test_waiting_gives_the_status_of_what_failed(api: httpx.Client) -> None:
    parameters = {"timeout": "10", "returnInternalServerErrorOnFailure": "true"}
    answer = api.post("orchestrators/delivery/fails", json="a parcel", params=parameters)
    assert answer.status_code == 200
    assert (answer.json()["instanceId"], answer.json()["runtimeStatus"]) == ("fails", "Failed")


@pytest.mark.parametrize("seconds", ["nan", "inf"])
def test_waiting_has_an_end(api: httpx.Client, seconds: str) -> None:
    answer = api.post("orchestrators/echo/endless", params={"timeout": seconds})
    assert answer.status_code == 400
    assert answer.json()["ExceptionMessage"] == "timeout must be a number of seconds."
    assert api.get("instances/endless").status_code == 404


def test_a_wait_that_cannot_be_read_is_none(api: httpx.Client) -> None:
    assert api.post("orchestrators/echo", params={"timeout": "soon"}).status_code == 202


@pytest.mark.parametrize("body", [b"{", b"'", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_is_refused(api: httpx.Client, body: bytes) -> None:
    answer = api.post("orchestrators/echo/never", content=body)
    assert answer.status_code == 400
    refusal = answer.json()
    assert (refusal["Message"], refusal["ExceptionType"]) == (
        "Invalid JSON content",
        "Newtonsoft.Json.JsonReaderException",
    )
    assert api.get("instances/never").status_code == 404


def test_an_unknown_orchestrator_is_refused(api: httpx.Client) -> None:
    answer = api.post("orchestrators/greet")
    assert answer.status_code == 400
    refusal = answer.json()
    assert refusal.keys() == {"Message", "ExceptionMessage", "ExceptionType", "StackTrace"}
    assert refusal["ExceptionMessage"].startswith(
        "The function 'greet' doesn't exist, is disabled, or is not an orchestrator function."
    )
    assert "'hello'" in refusal["ExceptionMessage"]


def test_an_id_in_use_is_refused_and_one_of_an_ended_instance_is_not(api: httpx.Client, until: Until) -> None:
    api.post("orchestrators/wait_for_approval/used")
    until("instances/used", "Running")
    answer = api.post("orchestrators/echo/used")
    assert answer.status_code == 409
    assert answer.json() == {"Message": "An Orchestration instance with the status Running already exists."}
    api.post("instances/used/terminate")
    until("instances/used", "Terminated")
    assert api.post("orchestrators/echo/used", json=1, params={"timeout": 10}).json() == 1


@pytest.mark.parametrize("instance_id", ["@at", "x" * 101, "hash#", "question?", "back\\slash", "tab\t"])
def test_an_id_that_azure_refuses_is_refused(api: httpx.Client, instance_id: str) -> None:
    answer = api.post(f"orchestrators/echo/{quote(instance_id, safe='')}")
    assert answer.status_code == 400
    assert "instance id" in answer.json()["ExceptionMessage"]


_WRITABLE = st.characters(codec="ascii", exclude_characters="/\\#?", exclude_categories=["Cc"]) | st.sampled_from(
    "äß你😀"
)


@settings(max_examples=30, deadline=None)
@given(st.text(_WRITABLE, min_size=1, max_size=30).filter(lambda text: text[0] != "@" and text.strip(".")))
def test_every_id_is_found_by_the_links_of_its_start(engine: RunningEngine, instance_id: str) -> None:
    with httpx.Client() as client:
        start = f"{engine.origin}{BASE_PATH}/orchestrators/echo/{quote(instance_id, safe='')}"
        answer = client.post(start, headers={"x-functions-key": KEY}, json=instance_id, params={"timeout": 10})
        assert answer.json() == instance_id
        restarted = client.post(
            f"{engine.origin}{BASE_PATH}/instances/{quote(instance_id, safe='')}/restart",
            headers={"x-functions-key": KEY},
            params={"restartWithNewInstanceId": "false"},
        )
        assert restarted.json()["id"] == instance_id
        assert client.get(restarted.headers["location"]).json()["instanceId"] == instance_id


def test_a_restart_is_another_instance_of_the_same_input(api: httpx.Client, until: Until) -> None:
    api.post("orchestrators/hello/again", json="Ada", params={"timeout": 10})
    answer = api.post("instances/again/restart")
    assert answer.status_code == 202
    other = answer.json()["id"]
    assert other != "again"
    assert until(f"instances/{other}", "Completed")["output"] == "Hello Ada!"
    waited = api.post("instances/again/restart", params={"restartWithNewInstanceId": "false", "timeout": 10})
    assert (waited.status_code, waited.json()) == (200, "Hello Ada!")


def test_restarts_that_are_refused(api: httpx.Client, until: Until) -> None:
    answer = api.post("instances/nobody/restart")
    assert answer.status_code == 400
    assert answer.json()["Message"] == "InstanceId does not match a valid orchestration instance."
    api.post("orchestrators/wait_for_approval/unfinished")
    until("instances/unfinished", "Running")
    answer = api.post("instances/unfinished/restart")
    assert answer.status_code == 409
    assert answer.json()["Message"] == "A non-terminal instance with this instance ID already exists."
