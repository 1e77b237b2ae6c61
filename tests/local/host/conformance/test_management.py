"""The management API of a running host: what it does to instances, and how it lists and shows them."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import requests

from tests.local.host.conformance.host_client import HostClient, until
from tests.local.host.conformance.hosts import Journal


def post(durable: HostClient, instance_id: str, operation: str, **query: Any) -> int:
    return durable.durable("POST", f"instances/{instance_id}/{operation}", params=query).status_code


def start_waiting(durable: HostClient, instance_id: str | None = None) -> str:
    instance_id = durable.start("wait", "go", instance_id)
    durable.await_status(instance_id, "Running")
    return instance_id


# --- control


def test_suspend_and_resume(durable: HostClient) -> None:
    instance = start_waiting(durable)
    assert post(durable, instance, "suspend", reason="lunch") == 202
    durable.await_status(instance, "Suspended")
    durable.raise_event(instance, "go", 1)
    # Another instance's turns come after the event.
    durable.run("chain", 1)
    assert durable.describe(instance)["runtimeStatus"] == "Suspended"
    assert post(durable, instance, "resume", reason="fed") == 202
    assert durable.output_of(instance) == 1


def test_terminate(durable: HostClient) -> None:
    instance = start_waiting(durable)
    assert post(durable, instance, "terminate", reason="no longer needed") == 202
    document = durable.end_of(instance)
    assert (document["runtimeStatus"], document["output"]) == ("Terminated", "no longer needed")
    for operation in ("terminate", "suspend", "resume", "rewind"):
        assert post(durable, instance, operation) == 410
    assert durable.durable("POST", f"instances/{instance}/raiseEvent/go", json=1).status_code == 410


def test_terminate_leaves_children_alone(durable: HostClient) -> None:
    above = durable.start("parent", {"child": "wait", "input": "go", "attempts": 1, "id": "orphan"})
    until(lambda: durable.durable("GET", "instances/orphan").status_code == 202)
    assert post(durable, above, "terminate") == 202
    assert durable.end_of(above)["runtimeStatus"] == "Terminated"
    durable.raise_event("orphan", "go", "alone")
    assert durable.output_of("orphan") == "alone"


@pytest.mark.parametrize("operation", ["terminate", "suspend", "resume", "rewind", "raiseEvent/go"])
def test_what_is_not_there(durable: HostClient, operation: str) -> None:
    assert durable.durable("POST", f"instances/nobody/{operation}", json=1).status_code == 404
    assert durable.durable("GET", "instances/nobody").status_code == 404


def test_restart_with_a_new_id(durable: HostClient) -> None:
    instance = durable.start("chain", 3)
    durable.output_of(instance)
    answer = durable.durable("POST", f"instances/{instance}/restart")
    assert answer.status_code == 202
    assert answer.json()["id"] != instance
    assert durable.output_of(answer.json()["id"]) == [3, 6, 12, 24]


def test_restart_with_the_same_id(durable: HostClient, journal: Journal) -> None:
    instance = durable.start("call", ["count", "restarted"])
    assert durable.output_of(instance) == 1
    answer = durable.durable("POST", f"instances/{instance}/restart", params={"restartWithNewInstanceId": "false"})
    assert (answer.status_code, answer.json()["id"]) == (202, instance)
    until(lambda: durable.describe(instance)["output"] == 2)
    assert len(journal.lines("restarted")) == 2
    assert durable.durable("POST", "instances/nobody/restart").status_code == 400


def test_rewind(durable: HostClient, journal: Journal) -> None:
    instance = durable.start("repairable", "rewound")
    assert durable.end_of(instance)["runtimeStatus"] == "Failed"
    journal.open_gate("rewound")
    assert post(durable, instance, "rewind", reason="repaired") == 202
    assert durable.output_of(instance) == [1, "open"]
    assert len(journal.lines("rewound-first")) == 1


def test_rewind_of_a_failed_sub_orchestration(durable: HostClient, journal: Journal) -> None:
    work = {"child": "repairable", "input": "rewound-below", "attempts": 1, "id": "rewound-child"}
    instance = durable.start("parent", work)
    assert durable.end_of(instance)["runtimeStatus"] == "Failed"
    journal.open_gate("rewound-below")
    assert post(durable, instance, "rewind") == 202
    assert durable.output_of(instance) == {"child": [1, "open"]}
    assert len(journal.lines("rewound-below-first")) == 1


def test_purge_one(durable: HostClient) -> None:
    instance = durable.start("chain", 1)
    durable.output_of(instance)
    answer = durable.durable("DELETE", f"instances/{instance}")
    assert (answer.status_code, answer.json()) == (200, {"instancesDeleted": 1})
    assert durable.durable("GET", f"instances/{instance}").status_code == 404
    assert durable.durable("DELETE", f"instances/{instance}").status_code == 404


def test_purge_by_filter(durable: HostClient) -> None:
    began = datetime.now(UTC).isoformat()
    failed = [durable.start("broken", "purged") for _ in range(2)]
    completed = durable.start("chain", 1)
    for instance in (*failed, completed):
        durable.end_of(instance)
    query = {"createdTimeFrom": began, "createdTimeTo": datetime.now(UTC).isoformat(), "runtimeStatus": "Failed"}
    answer = durable.durable("DELETE", "instances/", params=query)
    assert (answer.status_code, answer.json()) == (200, {"instancesDeleted": 2})
    assert durable.durable("DELETE", "instances/", params=query).status_code == 404
    assert durable.durable("DELETE", "instances/", params={"runtimeStatus": "Failed"}).status_code == 400
    assert durable.describe(completed)["runtimeStatus"] == "Completed"


def test_event_that_is_no_json(durable: HostClient) -> None:
    path = f"instances/{start_waiting(durable)}/raiseEvent/go"
    for body, media_type in ((b"{", "application/json"), (b"1", "text/plain")):
        answer = durable.durable("POST", path, data=body, headers={"content-type": media_type})
        assert answer.status_code == 400


def test_start_conflict(durable: HostClient) -> None:
    start_waiting(durable, "taken")
    answer = durable.durable("POST", "orchestrators/wait/taken", json="go")
    assert answer.status_code == 409
    assert "An Orchestration instance with the status Running already exists." in answer.text
    durable.raise_event("taken", "go", 1)
    assert durable.output_of("taken") == 1
    assert durable.output_of(durable.start("chain", 1, "taken")) == [1, 2, 4, 8]


@pytest.mark.parametrize("wrong", ["@entity", "a%5Cb", "a%23b", "a%3Fb", "a%0Ab", "x" * 101])
def test_instance_ids_that_azure_refuses(durable: HostClient, wrong: str) -> None:
    assert durable.durable("POST", f"orchestrators/chain/{wrong}", json=1).status_code == 400


@pytest.mark.parametrize("odd", ["a b", "\u00fc:n\u00efc\u00f6de", "100%", "a+b&c=d", "x" * 100])
def test_odd_instance_ids(durable: HostClient, odd: str) -> None:
    answer = durable.durable("POST", f"orchestrators/chain/{quote(odd)}", json=1)
    links = answer.json()
    assert (answer.status_code, links["id"]) == (202, odd)
    until(lambda: requests.get(links["statusQueryGetUri"], timeout=10).json()["output"] == [1, 2, 4, 8])


def test_start_that_is_no_json(durable: HostClient) -> None:
    assert durable.durable("POST", "orchestrators/chain", data=b"{").status_code == 400


def test_start_that_waits_for_the_end(durable: HostClient) -> None:
    answer = durable.durable("POST", "orchestrators/chain", json=1, params={"timeout": 15})
    assert (answer.status_code, answer.json()) == (200, [1, 2, 4, 8])
    answer = durable.durable("POST", "orchestrators/wait", json="go", params={"timeout": 0.1})
    assert (answer.status_code, "statusQueryGetUri" in answer.json()) == (202, True)


# --- listing


def listed(durable: HostClient, **query: Any) -> set[str]:
    answer = durable.durable("GET", "instances", params=query)
    assert answer.status_code == 200
    return {each["instanceId"] for each in answer.json()}


def test_status_filters(durable: HostClient) -> None:
    waiting = start_waiting(durable, "listed-running")
    completed = durable.start("chain", 1, "listed-completed")
    failed = durable.start("broken", "x", "listed-failed")
    durable.end_of(completed)
    durable.end_of(failed)
    prefix = {"instanceIdPrefix": "listed-"}
    assert listed(durable, **prefix) == {waiting, completed, failed}
    assert listed(durable, **prefix, runtimeStatus="Running") == {waiting}
    assert listed(durable, **prefix, runtimeStatus="Completed,Failed") == {completed, failed}
    assert listed(durable, **prefix, createdTimeTo="2020-01-01T00:00:00Z") == set()


def test_prefix(durable: HostClient) -> None:
    for instance in ("a_1", "a_2", "aX1"):
        durable.start("chain", 1, instance)
    assert listed(durable, instanceIdPrefix="a_") == {"a_1", "a_2"}


def test_paging(durable: HostClient) -> None:
    instances = {durable.start("chain", 1, f"page-{number}") for number in range(5)}
    pages: list[set[str]] = []
    token = ""
    while token or not pages:
        query = {"instanceIdPrefix": "page-", "top": 2}
        answer = durable.durable("GET", "instances", params=query, headers={"x-ms-continuation-token": token})
        pages.append({each["instanceId"] for each in answer.json()})
        token = answer.headers["x-ms-continuation-token"]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert set().union(*pages) == instances


# --- what is shown


def test_status_document(durable: HostClient) -> None:
    instance = durable.start("chain", 7)
    durable.output_of(instance)
    document = durable.describe(instance)
    created, updated = (datetime.fromisoformat(document.pop(name)) for name in ("createdTime", "lastUpdatedTime"))
    assert created <= updated
    assert abs((datetime.now(UTC) - created).total_seconds()) < 60
    assert document == {
        "name": "chain",
        "instanceId": instance,
        "runtimeStatus": "Completed",
        "input": 7,
        "customStatus": None,
        "output": [7, 14, 28, 56],
    }
    assert durable.describe(instance, showInput="false")["input"] is None


def test_statuses_of_the_answers(durable: HostClient) -> None:
    running = durable.durable("GET", f"instances/{start_waiting(durable)}")
    assert (running.status_code, running.headers["retry-after"]) == (202, "5")
    assert running.headers["location"].startswith(durable.host.functions_url)
    failed = durable.start("broken", "x")
    durable.end_of(failed)
    path = f"instances/{failed}"
    assert durable.durable("GET", path).status_code == 200
    query = {"returnInternalServerErrorOnFailure": "true"}
    assert durable.durable("GET", path, params=query).status_code == 500


def test_history_view(durable: HostClient) -> None:
    instance = durable.start("call", ["double", 21])
    durable.output_of(instance)
    document = durable.describe(instance, showHistory="true", showHistoryOutput="true")
    started, task, completed = document["historyEvents"]
    assert (started["EventType"], started["FunctionName"]) == ("ExecutionStarted", "call")
    assert (task["EventType"], task["FunctionName"], task["Result"]) == ("TaskCompleted", "double", 42)
    assert task["ScheduledTime"] <= task["Timestamp"]
    assert (completed["EventType"], completed["OrchestrationStatus"], completed["Result"]) == (
        "ExecutionCompleted",
        "Completed",
        42,
    )
    shown = {name for event in document["historyEvents"] for name in event}
    assert not shown & {"EventId", "IsPlayed", "TaskScheduledId", "TimerId", "Version"}
    without = durable.describe(instance, showHistory="true")["historyEvents"]
    assert all("Result" not in event for event in without)
    assert "historyEvents" not in durable.describe(instance)


def test_history_view_of_timers_events_and_children(durable: HostClient) -> None:
    racing = durable.start("race", {"seconds": 3600, "cancel": True, "linger": False})
    durable.raise_event(racing, "go", 5)
    durable.output_of(racing)
    events = durable.describe(racing, showHistory="true", showHistoryOutput="true")["historyEvents"]
    kinds = [event["EventType"] for event in events]
    # The event may come before the first turn has been taken.
    assert sorted(kinds) in (
        ["EventRaised", "ExecutionCompleted", "ExecutionStarted", "TimerCreated"],
        ["EventRaised", "ExecutionCompleted", "ExecutionStarted"],
    )
    above = durable.start("parent", {"child": "chain", "input": 1, "attempts": 1})
    durable.output_of(above)
    events = durable.describe(above, showHistory="true", showHistoryOutput="true")["historyEvents"]
    child = next(event for event in events if event["EventType"] == "SubOrchestrationInstanceCompleted")
    assert (child["FunctionName"], child["Result"]) == ("chain", [1, 2, 4, 8])


# --- the links that an app's own answer has


@pytest.fixture
def links(durable: HostClient) -> dict[str, str]:
    answer = durable.function("POST", "start/wait", json="go")
    assert (answer.status_code, answer.headers["retry-after"]) == (202, "10")
    found: dict[str, str] = answer.json()
    assert answer.headers["location"] == found["statusQueryGetUri"]
    return found


def test_links_need_no_other_key(durable: HostClient, links: dict[str, str]) -> None:
    query = parse_qs(urlsplit(links["statusQueryGetUri"]).query)
    assert query["code"] == [durable.host.durable_key]
    assert query["taskHub"] == ["Conformance"]
    until(lambda: requests.get(links["statusQueryGetUri"], timeout=10).json()["runtimeStatus"] == "Running")
    send = links["sendEventPostUri"].replace("{eventName}", "go")
    assert requests.post(send, json="came", timeout=10).status_code == 202
    until(lambda: requests.get(links["statusQueryGetUri"], timeout=10).json()["output"] == "came")
    assert requests.post(links["restartPostUri"], timeout=10).status_code == 202
    assert requests.delete(links["purgeHistoryDeleteUri"], timeout=10).status_code == 200


def test_links_that_control(durable: HostClient, links: dict[str, str]) -> None:
    durable.await_status(links["id"], "Running")
    for link, status in (("suspendPostUri", "Suspended"), ("resumePostUri", "Running")):
        assert requests.post(links[link].replace("{text}", "why"), timeout=10).status_code == 202
        durable.await_status(links["id"], status)
    assert requests.post(links["terminatePostUri"].replace("{text}", "a%20b"), timeout=10).status_code == 202
    assert durable.end_of(links["id"])["output"] == "a b"


# --- keys


def test_keys_of_the_management_api(durable: HostClient) -> None:
    path = "runtime/webhooks/durabletask/instances"
    host = durable.host
    for key in (None, "wrong", host.functions_key, host.event_grid_key):
        assert durable.send("GET", path, key).status_code == 401
    for key in (host.durable_key, host.master_key):
        assert durable.send("GET", path, key).status_code == 200
        assert durable.send("GET", path, params={"code": key}).status_code == 200
