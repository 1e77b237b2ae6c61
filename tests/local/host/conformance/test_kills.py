"""Workers and hosts that are killed: what was done is not done again, and what was under way is."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.local.host.conformance.host_client import HostClient, until
from tests.local.host.conformance.hosts import APPS, Hosts, Journal


@pytest.fixture
def durable(hosts: Hosts, request: pytest.FixtureRequest) -> Iterator[HostClient]:
    client = hosts.start(APPS / "durable", state=request.node.name)
    yield client
    client.host.process.stop()


def start_steps(durable: HostClient, journal: Journal, name: str) -> str:
    """Start an orchestration, and wait until its second step is under way."""
    instance = durable.start("steps", name, name)
    until(lambda: journal.lines(f"{name}-arrivals"))
    return instance


def runs(journal: Journal, name: str) -> list[int]:
    return [len(journal.lines(f"{name}-{step}")) for step in ("first", "arrivals", "last")]


def test_kill_9_of_the_worker(durable: HostClient, journal: Journal) -> None:
    instance = start_steps(durable, journal, "worker")
    before = durable.host.worker_process_id()
    os.kill(before, signal.SIGKILL)
    until(lambda: len(journal.lines("worker-arrivals")) == 2)
    assert durable.host.worker_process_id() != before
    journal.open_gate("worker")
    assert durable.output_of(instance) == [1, "passed", 1]
    assert runs(journal, "worker") == [1, 2, 1]


def test_kill_9_of_the_host(hosts: Hosts, durable: HostClient, journal: Journal) -> None:
    state = "test_kill_9_of_the_host"
    instance = start_steps(durable, journal, "host")
    waiting = durable.start("wait", "go", "waiting")
    sleeping = durable.start("sleep", 2, "sleeping")
    suspended = durable.start("wait", "go", "suspended")
    for each in (waiting, sleeping, suspended):
        durable.await_status(each, "Running")
    durable.durable("POST", f"instances/{suspended}/suspend")
    durable.await_status(suspended, "Suspended")
    ended = durable.start("chain", 1, "ended")
    durable.output_of(ended)
    assert durable.function("POST", "counters/kept", json=5).status_code == 202
    until(lambda: durable.function("GET", "counters/kept").text == "5")

    os.kill(durable.host.process.process_id, signal.SIGKILL)
    durable.host.process.stop()
    again = hosts.start(APPS / "durable", state=state)
    assert again.host.durable_key == durable.host.durable_key
    assert again.host.functions_key == durable.host.functions_key

    assert again.describe(ended)["output"] == [1, 2, 4, 8]
    assert again.describe(suspended)["runtimeStatus"] == "Suspended"
    assert again.function("GET", "counters/kept").text == "5"
    until(lambda: len(journal.lines("host-arrivals")) == 2)
    journal.open_gate("host")
    assert again.output_of(instance) == [1, "passed", 1]
    assert runs(journal, "host") == [1, 2, 1]
    again.raise_event(waiting, "go", "after")
    assert again.output_of(waiting) == "after"
    again.durable("POST", f"instances/{suspended}/resume")
    again.raise_event(suspended, "go", "resumed")
    assert again.output_of(suspended) == "resumed"
    assert again.output_of(sleeping) >= 2


def test_many_under_way_when_the_host_is_killed(hosts: Hosts, durable: HostClient, journal: Journal) -> None:
    """Each step that the host has told of has run once; one under way may run twice."""
    instances = [durable.start("chain_of_counts", f"many-{number}", f"many-{number}") for number in range(20)]
    until(lambda: journal.lines("many-10"))
    os.kill(durable.host.process.process_id, signal.SIGKILL)
    durable.host.process.stop()
    again = hosts.start(APPS / "durable", state="test_many_under_way_when_the_host_is_killed")
    for instance in instances:
        counted = again.output_of(instance)
        assert counted == sorted(set(counted)), "each step saw those before it"
        assert len(counted) == 5
        assert len(journal.lines(instance)) in (5, 6)
