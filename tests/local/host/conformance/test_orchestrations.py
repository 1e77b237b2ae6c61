"""The acceptance list: what orchestrations can do, each through the real SDK in a real worker."""

import time
from typing import Any

import pytest

from tests.local.host.conformance.host_client import HostClient, until
from tests.local.host.conformance.hosts import Journal


def test_chain(durable: HostClient) -> None:
    assert durable.run("chain", 5) == [5, 10, 20, 40]


@pytest.mark.parametrize("width", [1, 40])
def test_fan_out_and_fan_in(durable: HostClient, width: int) -> None:
    assert durable.run("fan", width) == width * (width - 1)


def test_retry_that_succeeds(durable: HostClient, journal: Journal) -> None:
    assert durable.run("retry", {"name": "third", "run": 3, "attempts": 3}) == 3
    assert len(journal.lines("third")) == 3


def test_retry_that_is_exhausted(durable: HostClient, journal: Journal) -> None:
    assert "run 3 is too early" in durable.fail("retry", {"name": "fourth", "run": 4, "attempts": 3})
    assert len(journal.lines("fourth")) == 3


# --- sub-orchestrations


def test_sub_orchestration(durable: HostClient) -> None:
    assert durable.run("parent", {"child": "chain", "input": 1, "attempts": 1}) == {"child": [1, 2, 4, 8]}


def test_sub_orchestration_with_an_id_of_its_own_knows_its_parent(durable: HostClient) -> None:
    work = {"child": "tell_parent", "input": None, "attempts": 1, "id": "child"}
    assert durable.output_of(durable.start("parent", work, "its-parent")) == {"child": "its-parent"}
    assert durable.output_of("child") == "its-parent"
    assert durable.run("tell_parent") is None


def test_sub_orchestration_that_fails(durable: HostClient) -> None:
    work = {"child": "broken", "input": "torn", "attempts": 1, "id": "failing-child"}
    assert "torn" in durable.fail("parent", work)
    assert durable.describe("failing-child")["runtimeStatus"] == "Failed"


def test_sub_orchestration_that_is_retried(durable: HostClient, journal: Journal) -> None:
    child = {"name": "child-retry", "run": 2, "attempts": 1}
    assert durable.run("parent", {"child": "retry", "input": child, "attempts": 3}) == {"child": 2}
    assert len(journal.lines("child-retry")) == 2


def test_sub_orchestration_whose_retries_are_exhausted(durable: HostClient, journal: Journal) -> None:
    child = {"name": "child-exhausted", "run": 9, "attempts": 1}
    assert "run 2 is too early" in durable.fail("parent", {"child": "retry", "input": child, "attempts": 2})
    assert len(journal.lines("child-exhausted")) == 2


# --- timers and events


def test_timer(durable: HostClient) -> None:
    began = time.monotonic()
    slept = durable.run("sleep", 0.5)
    assert 0.5 <= slept < 5
    assert time.monotonic() - began >= 0.5


def test_event_raw(durable: HostClient) -> None:
    waiting = durable.start("wait", "approval")
    durable.raise_event(waiting, "approval", {"by": "Ada", "sums": [1, 2.5, None]})
    assert durable.output_of(waiting) == {"by": "Ada", "sums": [1, 2.5, None]}


def test_event_via_the_sdk(durable: HostClient) -> None:
    waiting = durable.start("wait", "approval")
    assert durable.function("POST", f"events/{waiting}/APPROVAL", json={"by": "Ada"}).status_code == 202
    assert durable.output_of(waiting) == {"by": "Ada"}


def test_events_that_come_before_they_are_waited_for(durable: HostClient) -> None:
    collecting = durable.start("collect", {"items": [], "wanted": 3})
    for item in "abc":
        durable.raise_event(collecting, "item", item)
    assert durable.output_of(collecting) == ["a", "b", "c"]


def test_race_that_the_timer_wins(durable: HostClient) -> None:
    assert durable.run("race", {"seconds": 0.1, "cancel": True, "linger": False}) == "timer"


def test_race_with_cancelled_timer(durable: HostClient) -> None:
    racing = durable.start("race", {"seconds": 0.4, "cancel": True, "linger": True})
    durable.raise_event(racing, "go", "event")
    assert not fired_timers(durable, racing)
    # The service is not told of the cancellation, on Azure neither: the timer fires, and nobody listens.
    until(lambda: fired_timers(durable, racing))
    durable.raise_event(racing, "end", None)
    assert durable.output_of(racing) == "event"


def test_uncancelled_timer(durable: HostClient) -> None:
    racing = durable.start("race", {"seconds": 3600, "cancel": False, "linger": False})
    durable.raise_event(racing, "go", "event")
    assert durable.output_of(racing) == "event"


def fired_timers(durable: HostClient, instance_id: str) -> bool:
    history = durable.describe(instance_id, showHistory="true").get("historyEvents", [])
    return any(event["EventType"] == "TimerFired" for event in history)


def test_continue_as_new_three_times(durable: HostClient) -> None:
    instance = durable.start("generations", [0])
    assert durable.output_of(instance) == [0, 1, 2, 3]
    history = durable.describe(instance, showHistory="true")["historyEvents"]
    assert [event["EventType"] for event in history] == ["ExecutionStarted", "TaskCompleted", "ExecutionCompleted"]


# --- entities


def test_entity_signal_call_and_failure(durable: HostClient) -> None:
    total, failure, after = durable.run("use_counter", "apples")
    assert (total, after) == (3, 3)
    assert "a counter cannot do that" in failure[1]


def test_entity_signal_and_state_via_the_sdk(durable: HostClient) -> None:
    assert durable.function("GET", "counters/pears").status_code == 404
    for amount in (4, 5):
        assert durable.function("POST", "counters/pears", json=amount).status_code == 202
    until(lambda: durable.function("GET", "counters/pears").text == "9")


def test_entity_over_the_management_api(durable: HostClient) -> None:
    assert durable.durable("GET", "entities/counter/plums").status_code == 404
    assert durable.durable("POST", "entities/Counter/plums", params={"op": "add"}, json=6).status_code == 202
    until(lambda: durable.durable("GET", "entities/counter/plums").status_code == 200)
    assert durable.durable("GET", "entities/counter/plums").json() == 6
    listed = durable.durable("GET", "entities/counter", params={"fetchState": "true"}).json()
    assert {"name": "counter", "key": "plums"} in [each["entityId"] for each in listed]
    assert durable.durable("DELETE", "entities/counter/plums").status_code == 202
    until(lambda: durable.durable("GET", "entities/counter/plums").status_code == 404)


# --- durable HTTP


def test_call_http(durable: HostClient) -> None:
    url = f"{durable.host.functions_url}/api/greet"
    assert durable.run("fetch", {"method": "POST", "url": url, "content": "Ada"}) == [201, "Hello Ada"]
    missing = f"{durable.host.functions_url}/api/nothing"
    assert durable.run("fetch", {"method": "GET", "url": missing})[0] == 404


def test_call_http_202_polling(durable: HostClient, journal: Journal) -> None:
    url = f"{durable.host.functions_url}/api/jobs/polled"
    assert durable.run("fetch", {"method": "POST", "url": url}) == [200, "done"]
    methods, times = zip(*(line.split() for line in journal.lines("polled")), strict=True)
    assert methods == ("POST", "GET", "GET")
    assert float(times[2]) - float(times[1]) > 0.9, "Retry-After: 1"


# --- custom status


def await_custom_status(durable: HostClient, instance_id: str, status: Any) -> None:
    until(lambda: durable.describe(instance_id)["customStatus"] == status)


def test_custom_status(durable: HostClient) -> None:
    statuses = ["half", {"done": 0.5, "of": ["a", None]}]
    instance = durable.start("show_status", statuses)
    for status in statuses:
        await_custom_status(durable, instance, status)
        durable.raise_event(instance, "next", None)
    assert durable.end_of(instance)["customStatus"] == statuses[-1]


def test_custom_status_of_more_than_16_kb_of_utf_16(durable: HostClient) -> None:
    instance = durable.start("show_status", ["x" * (8 * 1024 - 2)])
    durable.raise_event(instance, "next", None)
    assert durable.end_of(instance)["runtimeStatus"] == "Completed"
    assert "16 KB" in durable.fail("show_status", ["x" * 8 * 1024])


# --- failures


def test_unhandled_activity_error_text(durable: HostClient) -> None:
    assert "no more tea" in durable.fail("call", ["fail", "no more tea"])


def test_handled_activity_error(durable: HostClient) -> None:
    kind, text = durable.run("call_and_catch", ["fail", "no more tea"])
    assert (kind, text) == ("ValueError", "no more tea")


def test_unhandled_orchestrator_error_text(durable: HostClient) -> None:
    assert durable.fail("broken", "all lost") == "all lost"


def test_missing_activity(durable: HostClient) -> None:
    assert "'nothing'" in durable.fail("call", ["nothing", 1])
    assert durable.run("call_and_catch", ["nothing", 1])[0] == "ActivityNotFound"


def test_missing_orchestrator(durable: HostClient) -> None:
    answer = durable.durable("POST", "orchestrators/nothing", json=1)
    assert (answer.status_code, "'nothing'" in answer.json()["ExceptionMessage"]) == (400, True)
    started = durable.function("POST", "start/nothing", json=1).json()["id"]
    failed = durable.end_of(started)
    assert (failed["runtimeStatus"], "'nothing'" in failed["output"]) == ("Failed", True)
    assert "'nothing'" in durable.fail("parent", {"child": "nothing", "input": 1, "attempts": 1})


# --- replay


def test_replay_flag(durable: HostClient, journal: Journal) -> None:
    durable.run("replayed", "replays")
    assert journal.lines("replays") == [
        "0 new",
        *("0 replayed", "1 new"),
        *("0 replayed", "1 replayed", "2 new"),
        *("0 replayed", "1 replayed", "2 replayed"),
    ]


def test_non_determinism_failure(durable: HostClient) -> None:
    work = {"name": "changes", "before": ["echo", 1], "after": ["double", 1]}
    assert "non-deterministic" in durable.fail("changing", work)
