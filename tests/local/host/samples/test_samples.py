"""The shapes of Microsoft's samples of Durable Functions, written afresh; each is an app, and runs as one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.local.host.conformance.host_client import HostClient, until
from tests.local.host.conformance.hosts import Hosts, started_hosts
from tests.local.host.samples.service import serving

SAMPLES = Path(__file__).parent
DAY = 24 * 60 * 60


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    with started_hosts(tmp_path) as made:
        yield made


def ask(client: HostClient, path: str, document: Any) -> dict[str, str]:
    """Call a sample's starter as a user does, without a key, and give the links of its answer."""
    answer = client.send("POST", f"api/{path}", json=document)
    assert answer.status_code == 202
    links: dict[str, str] = answer.json()
    return links


def status_of(links: dict[str, str]) -> dict[str, Any]:
    document: dict[str, Any] = requests.get(links["statusQueryGetUri"], timeout=10).json()
    return document


def result_of(links: dict[str, str]) -> Any:
    document = until(lambda: ended if (ended := status_of(links))["runtimeStatus"] in ("Completed", "Failed") else None)
    assert document["runtimeStatus"] == "Completed", document
    return document["output"]


def test_function_chaining(hosts: Hosts) -> None:
    client = hosts.start(SAMPLES / "function_chaining")
    assert result_of(ask(client, "quotes", {"product": "tea", "quantity": 3})) == "16.06 EUR"


def test_fan_out_fan_in(hosts: Hosts) -> None:
    client = hosts.start(SAMPLES / "fan_out_fan_in")
    assert result_of(ask(client, "counts", ["so it goes", "it is so"])) == {"so": 2, "it": 2, "goes": 1, "is": 1}
    assert result_of(ask(client, "counts", ["word"] * 50)) == {"word": 50}
    assert result_of(ask(client, "counts", [])) == {}


def test_human_interaction(hosts: Hosts) -> None:
    client = hosts.start(SAMPLES / "human_interaction", arguments=["--control"])
    granted, refused, forgotten = (ask(client, "leave", {"who": "Ada", "days": 5}) for _ in range(3))
    for links in (granted, refused, forgotten):
        await_custom_status(links, "waiting for an answer")
    for links, answer in ((granted, True), (refused, False)):
        assert client.send("POST", f"api/leave/{links['id']}", json={"granted": answer}).status_code == 202
    assert [result_of(granted), result_of(refused)] == ["granted", "refused"]
    client.advance_clock(3 * DAY)
    assert result_of(forgotten) == "escalated"
    assert status_of(forgotten)["customStatus"] == "nobody answered"


def await_custom_status(links: dict[str, str], status: str) -> None:
    until(lambda: status_of(links)["customStatus"] == status)


def test_monitor(hosts: Hosts) -> None:
    client = hosts.start(SAMPLES / "monitor")
    with serving(503, 404, 503, 200) as site:
        watch = ask(client, "watches", {"url": site.url, "pauseSeconds": 0.1, "looks": 9})
        assert result_of(watch) == "it is up"
        assert site.answered == [503, 404, 503, 200]
        # The input is that of the last generation.
        assert status_of(watch)["input"]["looks"] == 6
    with serving(503) as site:
        assert result_of(ask(client, "watches", {"url": site.url, "pauseSeconds": 0.05, "looks": 3})) == (
            "it stayed down"
        )
        assert len(site.answered) == 3


def test_entities(hosts: Hosts) -> None:
    client = hosts.start(SAMPLES / "entities")
    for _ in range(5):
        assert client.send("POST", "api/visitors/front-door").status_code == 202
    until(lambda: client.send("GET", "api/visitors/front-door").text == "5")
    assert client.send("GET", "api/visitors/back-door").text == "0"
    # Both ways at once: what is locked in any order must not end in a deadlock, nor make money.
    ways = [("ada", "bob"), ("bob", "ada")] * 4
    transfers = [ask(client, "transfers", {"from": source, "to": to, "amount": 25}) for source, to in ways]
    assert {result_of(links) for links in transfers} == {"done"}
    assert result_of(ask(client, "transfers", {"from": "ada", "to": "bob", "amount": 101})) == "not enough"
    balances = [client.durable("GET", f"entities/account/{name}").json() for name in ("ada", "bob")]
    assert balances == [100, 100]


def test_sub_orchestrations(hosts: Hosts) -> None:
    with serving(503, 503, 503, 200) as courier:
        client = hosts.start(SAMPLES / "sub_orchestrations", settings={"COURIER": courier.url})
        shipped = result_of(ask(client, "orders", ["tea", "coffee"]))
    assert shipped == ["a parcel of tea: collected", "a parcel of coffee: collected"]
    assert sorted(courier.answered) == [200, 200, 503, 503, 503]
