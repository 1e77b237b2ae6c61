"""What host.json limits: how long a function may take, and how much an entity does at once."""

import itertools

import pytest

from tests.local.host.conformance.host_client import HostClient, until
from tests.local.host.conformance.hosts import APPS, Hosts, Journal


@pytest.fixture(scope="module")
def hasty(hosts: Hosts) -> HostClient:
    return hosts.start(APPS / "timeout")


def worker_process(hasty: HostClient) -> int:
    answer = hasty.function("GET", "process")
    assert answer.status_code == 200
    return int(answer.text)


def test_function_timeout_of_an_http_function(hasty: HostClient) -> None:
    before = worker_process(hasty)
    answer = hasty.function("GET", "hang")
    assert answer.status_code == 500
    assert 1 <= answer.elapsed.total_seconds() < 5
    assert worker_process(hasty) != before


def test_function_timeout_of_an_activity(hasty: HostClient) -> None:
    before = worker_process(hasty)
    assert hasty.run("idle_twice", 60) == ["FunctionTimeout", "awake"]
    assert worker_process(hasty) != before


def test_entity_batch_cap(hosts: Hosts, journal: Journal) -> None:
    """An entity's state is kept at the end of a batch: with three operations each, after one, four and seven."""
    client = hosts.start(APPS / "batches")

    def send(gate: str) -> None:
        answer = client.durable("POST", "entities/gated/one", params={"op": "step"}, json=gate)
        assert answer.status_code == 202

    def state() -> int:
        answer = client.durable("GET", "entities/gated/one")
        return int(answer.json()) if answer.status_code == 200 else 0

    gates = [f"gate-{number}" for number in range(8)]
    send(gates[0])
    until(lambda: journal.lines("arrivals"))
    for gate in gates[1:]:
        send(gate)
    # The first is alone in its batch; the fifth is the first of the third.
    for gate in gates[:4]:
        journal.open_gate(gate)
    until(lambda: len(journal.lines("arrivals")) == 5)
    assert state() == 4
    for gate in gates[4:7]:
        journal.open_gate(gate)
    until(lambda: len(journal.lines("arrivals")) == 8)
    assert state() == 7
    journal.open_gate(gates[7])
    until(lambda: state() == 8)
    assert journal.lines("arrivals") == gates


@pytest.fixture(scope="module")
def limited(hosts: Hosts) -> HostClient:
    return hosts.start(APPS / "limits")


def most_at_once(journal: Journal, name: str) -> int:
    counts = itertools.accumulate(1 if line == "begins" else -1 for line in journal.lines(name))
    return max(counts, default=0)


def test_activities_at_once(limited: HostClient, journal: Journal) -> None:
    assert limited.run("many", 6) == 6
    assert most_at_once(journal, "activities") == 2


def test_orchestrators_at_once(limited: HostClient, journal: Journal) -> None:
    instances = [limited.start("slow_turn") for _ in range(4)]
    for instance in instances:
        limited.end_of(instance)
    assert most_at_once(journal, "orchestrators") == 1


def test_entities_at_once(limited: HostClient, journal: Journal) -> None:
    for key in "abcd":
        assert limited.durable("POST", f"entities/slow/{key}", params={"op": "x"}).status_code == 202
    until(lambda: journal.lines("entities").count("ends") == 4)
    assert most_at_once(journal, "entities") == 1


def test_actions_of_one_turn(limited: HostClient) -> None:
    instance = limited.start("many", 7)
    assert limited.end_of(instance)["runtimeStatus"] == "Failed"


def test_a_running_instance_may_be_replaced_where_host_json_says_so(limited: HostClient) -> None:
    for name in ("first", "second"):
        answer = limited.durable("POST", "orchestrators/wait/replaced", json=name)
        assert answer.status_code == 202
    assert limited.durable("POST", "instances/replaced/raiseEvent/second", json="x").status_code == 202
    assert limited.end_of("replaced")["output"] == "x"


def test_links_follow_a_forwarded_host_where_host_json_says_so(limited: HostClient) -> None:
    headers = {"X-Forwarded-Host": "front.example", "X-Forwarded-Proto": "https"}
    answer = limited.durable("POST", "orchestrators/wait", json="x", headers=headers)
    assert answer.json()["statusQueryGetUri"].startswith("https://front.example/runtime/webhooks/durabletask/")
