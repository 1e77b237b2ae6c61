"""What the pinned SDK lacks of the acceptance list: where one of these fails, its table in the README is old."""

import pytest
from durabletask.entities import EntityInstanceId
from durabletask.task import OrchestrationContext

from tests.local.host.conformance.host_client import HostClient
from tests.local.host.conformance.hosts import APPS, Hosts, Journal


def test_only_the_older_style_has_call_http() -> None:
    assert not hasattr(OrchestrationContext, "call_http")


def test_fan_out_over_nothing_hangs(durable: HostClient) -> None:
    instance = durable.start("fan", 0)
    durable.run("chain", 1)
    durable.raise_event(instance, "anything", None)
    durable.run("chain", 1)
    assert durable.describe(instance)["runtimeStatus"] == "Running"
    assert durable.durable("POST", f"instances/{instance}/terminate").status_code == 202


def test_another_input_is_no_non_determinism_to_the_sdk(durable: HostClient) -> None:
    work = {"name": "other-input", "before": ["echo", "before"], "after": ["echo", "after"]}
    assert durable.run("changing", work) == "before"


def test_an_activity_with_retries_cannot_be_rewound(durable: HostClient, journal: Journal) -> None:
    instance = durable.start("repairable_with_retries", "retried")
    assert durable.end_of(instance)["runtimeStatus"] == "Failed"
    journal.open_gate("retried")
    assert durable.durable("POST", f"instances/{instance}/rewind").status_code == 202
    assert "non-deterministic" in durable.end_of(instance)["output"]


def test_an_instance_does_not_wait_for_its_timers(durable: HostClient) -> None:
    instance = durable.start("race", {"seconds": 3600, "cancel": False, "linger": False})
    durable.await_status(instance, "Running")
    durable.raise_event(instance, "go", "event")
    assert durable.output_of(instance) == "event"
    history = durable.describe(instance, showHistory="true")["historyEvents"]
    assert "TimerCreated" in [event["EventType"] for event in history]


@pytest.mark.parametrize("key", ["", "a@b"])
def test_entities_have_no_such_keys(key: str) -> None:
    with pytest.raises(ValueError, match="Entity key cannot"):
        EntityInstanceId("counter", key)


def test_repeated_headers_and_new_attributes_of_cookies_are_lost(hosts: Hosts) -> None:
    answer = hosts.start(APPS / "web").function("GET", "repeated")
    assert answer.headers["link"] == "<b>; rel=next"
    assert [cookie.partition(";")[0] for cookie in answer.raw.headers.getlist("set-cookie")] == ["whole=1"]
