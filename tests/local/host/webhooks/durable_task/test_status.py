"""Instances as the management API shows them: one, with its history, and many."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from durabletask.client import TaskHubGrpcClient

from local.host.webhooks.durable_task.links import BASE_PATH
from tests.local.host.webhooks.conftest import RunningEngine, Until

SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def test_a_running_instance(api: httpx.Client, engine: RunningEngine, until: Until) -> None:
    api.post("orchestrators/wait_for_approval/a status", json={"of": "it"})
    until("instances/a%20status", "Running")
    answer = api.get("instances/a%20status", params={"showInput": "true"})
    assert answer.status_code == 202
    assert answer.headers["location"] == f"{engine.origin}{BASE_PATH}/instances/a%20status?showInput=true"
    assert answer.headers["retry-after"] == "5"
    view = answer.json()
    assert all(SECONDS.fullmatch(view.pop(name)) for name in ("createdTime", "lastUpdatedTime"))
    assert view == {
        "name": "wait_for_approval",
        "instanceId": "a status",
        "runtimeStatus": "Running",
        "input": {"of": "it"},
        "customStatus": {"waits for": "approval"},
        "output": None,
    }


def test_an_instance_that_is_still_to_begin(api: httpx.Client, engine: RunningEngine) -> None:
    with TaskHubGrpcClient(host_address=engine.durable_address) as client:
        later = datetime.now(UTC) + timedelta(hours=1)
        client.schedule_new_orchestration("hello", input="Ada", instance_id="later", start_at=later)
    answer = api.get("instances/later", params={"showHistory": "true"})
    assert (answer.status_code, answer.json()["runtimeStatus"]) == (202, "Pending")
    assert "historyEvents" not in answer.json()


def test_an_instance_that_completed(api: httpx.Client) -> None:
    api.post("orchestrators/hello/completed", json="Ada", params={"timeout": 10})
    answer = api.get("instances/completed", params={"showInput": "False"})
    assert answer.status_code == 200
    assert "location" not in answer.headers
    view = answer.json()
    assert (view["runtimeStatus"], view["input"], view["output"]) == ("Completed", None, "Hello Ada!")
    assert "historyEvents" not in view
    assert api.get("instances/completed", params={"showInput": "perhaps"}).json()["input"] == "Ada"


def test_an_instance_that_failed(api: httpx.Client) -> None:
    api.post("orchestrators/delivery/failed", json="a parcel", params={"timeout": 10})
    answer = api.get("instances/failed")
    assert answer.status_code == 200
    assert answer.json()["runtimeStatus"] == "Failed"
    assert "a parcel is lost in the storm" in answer.json()["output"]
    answer = api.get("instances/failed", params={"returnInternalServerErrorOnFailure": "true"})
    assert (answer.status_code, answer.json()["runtimeStatus"]) == (500, "Failed")


def test_there_is_no_such_instance(api: httpx.Client) -> None:
    answer = api.get("instances/nobody")
    assert (answer.status_code, answer.content) == (404, b"")


def show_history(api: httpx.Client, instance_id: str, **parameters: str) -> list[dict[str, Any]]:
    view = api.get(f"instances/{instance_id}", params={"showHistory": "true", **parameters}).json()
    events: list[dict[str, Any]] = view["historyEvents"]
    for event in events:
        for name in {"Timestamp", "ScheduledTime", "FireAt"} & event.keys():
            moment = datetime.fromisoformat(event.pop(name))
            assert abs(moment - datetime.now(UTC)) < timedelta(minutes=5)
    return events


def test_a_history(api: httpx.Client) -> None:
    api.post("orchestrators/story/told", json="Ada", params={"timeout": 10})
    assert show_history(api, "told") == [
        {"EventType": "ExecutionStarted", "FunctionName": "story", "Input": '"Ada"'},
        {"EventType": "TaskCompleted", "FunctionName": "greet", "Input": '"Ada"'},
        {"EventType": "SubOrchestrationInstanceCompleted", "FunctionName": "hello", "Input": '"child"'},
        {"EventType": "TimerCreated"},
        {"EventType": "TimerFired"},
        {"EventType": "ExecutionCompleted", "OrchestrationStatus": "Completed"},
    ]
    assert show_history(api, "told", showInput="false", showHistoryOutput="true") == [
        {"EventType": "ExecutionStarted", "FunctionName": "story"},
        {"EventType": "TaskCompleted", "FunctionName": "greet", "Result": "Hello Ada!"},
        {"EventType": "SubOrchestrationInstanceCompleted", "FunctionName": "hello", "Result": "Hello child!"},
        {"EventType": "TimerCreated"},
        {"EventType": "TimerFired"},
        {
            "EventType": "ExecutionCompleted",
            "OrchestrationStatus": "Completed",
            "Result": ["Hello Ada!", "Hello child!"],
        },
    ]


def test_a_history_says_when_things_were_asked_for(api: httpx.Client) -> None:
    api.post("orchestrators/hello/timed", json="Ada", params={"timeout": 10})
    events = api.get("instances/timed", params={"showHistory": "true"}).json()["historyEvents"]
    times = [events[0]["Timestamp"], events[1]["ScheduledTime"], events[1]["Timestamp"], events[2]["Timestamp"]]
    assert times == sorted(times)


def test_a_history_of_failures(api: httpx.Client) -> None:
    api.post("orchestrators/delivery/lost", json="a parcel", params={"timeout": 10})
    started, failed, ended = show_history(api, "lost", showHistoryOutput="true")
    assert started["EventType"] == "ExecutionStarted"
    details = {"ErrorType": "RuntimeError", "ErrorMessage": "a parcel is lost in the storm", "StackTrace": "a stack"}
    assert failed == {
        "EventType": "TaskFailed",
        "FunctionName": "deliver",
        "Input": '"a parcel"',
        "Reason": "a parcel is lost in the storm",
        "Details": "a stack",
        "FailureDetails": details,
    }
    assert (ended["EventType"], ended["OrchestrationStatus"]) == ("ExecutionCompleted", "Failed")
    assert ended["FailureDetails"]["InnerFailure"] == details
    assert ended["Result"] == ended["FailureDetails"]["ErrorMessage"]


def test_a_history_of_what_others_did(api: httpx.Client, until: Until) -> None:
    api.post("orchestrators/wait_for_approval/handled")
    until("instances/handled", "Running")
    api.post("instances/handled/suspend", params={"reason": "lunch"})
    until("instances/handled", "Suspended")
    api.post("instances/handled/resume", params={"reason": "fed"})
    until("instances/handled", "Running")
    api.post("instances/handled/terminate", params={"reason": "enough"})
    until("instances/handled", "Terminated")
    assert show_history(api, "handled", showHistoryOutput="true") == [
        {"EventType": "ExecutionStarted", "FunctionName": "wait_for_approval"},
        {"EventType": "ExecutionSuspended", "Reason": "lunch"},
        {"EventType": "ExecutionResumed", "Reason": "fed"},
        {"EventType": "ExecutionTerminated", "Input": '"enough"'},
        {"EventType": "ExecutionCompleted", "OrchestrationStatus": "Terminated", "Result": "enough"},
    ]


def test_what_has_not_ended_is_in_the_history_as_asked_for(api: httpx.Client, until: Until) -> None:
    api.post("orchestrators/call_other/calls", json="held")
    until("instances/held", "Running")
    events = show_history(api, "calls")
    assert events[1:] == [
        {
            "EventType": "SubOrchestrationInstanceCreated",
            "Name": "wait_for_approval",
            "InstanceId": "held",
            "Input": '"for the caller"',
        }
    ]


def test_a_history_with_an_entity(api: httpx.Client) -> None:
    assert api.post("orchestrators/count/counts", json="counted", params={"timeout": 10}).json() == 2
    called, completed = show_history(api, "counts", showHistoryOutput="true")[1:3]
    assert (called["EventType"], called["TargetInstanceId"]) == ("EntityOperationCalled", "@counter@counted")
    assert (called["Operation"], called["Input"]) == ("add", "2")
    assert completed == {"EventType": "EntityOperationCompleted", "RequestId": called["RequestId"], "Result": 2}
    assert "Result" not in show_history(api, "counts")[2]


@pytest.fixture(scope="module")
def many(engine: RunningEngine) -> datetime:
    """Instances whose ids begin with `many-`, 5 that completed and 2 that wait; gives a time before they began."""
    before = datetime.now(UTC)
    with httpx.Client(base_url=f"{engine.origin}{BASE_PATH}/", params={"code": "key+with/odd=characters"}) as client:
        for number in range(5):
            client.post(f"orchestrators/echo/many-{number}", json=number, params={"timeout": 10})
        for number in range(5, 7):
            client.post(f"orchestrators/wait_for_approval/many-{number}", json=number)
    return before


def names(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200
    return [view["instanceId"].removeprefix("many-") for view in answer.json()]


@pytest.mark.usefixtures("many")
def test_a_list_in_pages(api: httpx.Client) -> None:
    found, token = [], ""
    while True:
        answer = api.get(
            "instances", params={"instanceIdPrefix": "many-", "top": 3}, headers={"x-ms-continuation-token": token}
        )
        found.append(names(answer))
        token = answer.headers["x-ms-continuation-token"]
        if not token:
            break
    assert found == [["0", "1", "2"], ["3", "4", "5"], ["6"]]


@pytest.mark.usefixtures("many")
def test_a_list_by_status(api: httpx.Client, until: Until) -> None:
    until("instances/many-5", "Running")
    until("instances/many-6", "Running")
    of_both = {"instanceIdPrefix": "many-", "runtimeStatus": "Running, Completed"}
    assert len(names(api.get("instances/", params=of_both))) == 7
    assert names(api.get("instances/", params=of_both | {"runtimeStatus": "Running"})) == ["5", "6"]
    assert names(api.get("instances/?runtimeStatus=Running&runtimeStatus=Failed&instanceIdPrefix=many-")) == ["5", "6"]
    assert len(names(api.get("instances/", params=of_both | {"runtimeStatus": "Sleeping"}))) == 7


def test_a_list_by_time(api: httpx.Client, many: datetime) -> None:
    def count(**parameters: str) -> int:
        return len(names(api.get("instances", params={"instanceIdPrefix": "many-", **parameters})))

    later = (many + timedelta(hours=1)).isoformat()
    assert count(createdTimeFrom=many.isoformat(), createdTimeTo=later) == 7
    assert count(createdTimeTo=many.isoformat()) == 0
    assert count(createdTimeFrom=later) == 0
    local = many.astimezone(UTC).replace(tzinfo=None).isoformat()
    assert count(createdTimeFrom=local) == 7
    assert count(createdTimeFrom="yesterday") == 7
    assert count(createdTimeTo="0001-01-01T00:00:00+01:00") == 7


@pytest.mark.usefixtures("many")
def test_a_list_shows_inputs_where_that_is_asked_for(api: httpx.Client) -> None:
    view = api.get("instances", params={"instanceIdPrefix": "many-3"}).json()[0]
    assert (view["input"], view["output"], view["runtimeStatus"]) == (None, 3, "Completed")
    view = api.get("instances", params={"instanceIdPrefix": "many-3", "showInput": "true"}).json()[0]
    assert view["input"] == 3


def test_a_token_that_nobody_gave_is_refused(api: httpx.Client) -> None:
    answer = api.get("instances", headers={"x-ms-continuation-token": "mine"})
    assert answer.status_code == 400
    assert "continuation token" in answer.json()["ExceptionMessage"]
