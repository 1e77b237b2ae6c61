"""An app's functions in a local host, subscribed by name: what is published reaches them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.messaging import CloudEvent

from local.azure.control.client import ControlClient
from local.azure.control.event_grid_client import EventGridControl
from local.azure.control.event_grid_models import MadeTopic
from local.azure.event_grid.settings import Disorder
from local.azure.launch import LocalAzure
from local.stack import Application, Stack
from tests.local.azure.event_grid.conftest import attempted, delivered, make_event, publish, publisher, settled
from tests.local.host.conformance.host_client import HostClient
from tests.local.host.conformance.hosts import APPS, Hosts, started_hosts


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    with started_hosts(tmp_path_factory.mktemp("hosts")) as made:
        yield made


@pytest.fixture(scope="module")
def web(hosts: Hosts) -> HostClient:
    return hosts.start(APPS / "web")


@pytest.fixture
def deployment(azure: LocalAzure, control: ControlClient, web: HostClient) -> Stack:
    return Stack(azure, web.host, control, Application("", "", ""))


def taken(hosts: Hosts, name: str, prefix: str) -> list[Any]:
    """What a function wrote of the events whose ids begin so."""
    documents = [json.loads(line) for line in hosts.journal.lines(name)]
    return [document for document in documents if document[0].startswith(prefix)]


def test_a_function_takes_what_is_published(
    grid: EventGridControl,
    topic: MadeTopic,
    name: str,
    hosts: Hosts,
    deployment: Stack,
) -> None:
    deployment.subscribe_function("take_event", name, topic=name)
    grid.change_disorder(name, Disorder(copies=50))
    publish(topic, make_event("many-1"))
    settled(grid, name, delivered(50), 60)
    expected = ["many-1", "Example.Made", "hsms/one", topic.resource_id, {"number": "many-1"}]
    assert taken(hosts, "events", "many-") == [expected] * 50


def test_a_function_takes_cloud_events(grid: EventGridControl, name: str, hosts: Hosts, deployment: Stack) -> None:
    topic = grid.put_topic(name, "CloudEventSchemaV1_0")
    deployment.subscribe_function("take_cloud_event", name, topic=name)
    with publisher(topic) as client:
        client.send(CloudEvent("contoso", "Example.Made", data={"a": 1}, subject="one", id="cloud-1"))
    settled(grid, name, delivered(1))
    assert taken(hosts, "cloud-events", "cloud-") == [["cloud-1", "Example.Made", "contoso", "one", {"a": 1}]]


def test_a_function_that_fails_gets_its_event_again(
    grid: EventGridControl,
    topic: MadeTopic,
    name: str,
    hosts: Hosts,
    deployment: Stack,
    control: ControlClient,
) -> None:
    deployment.subscribe_function("take_event", name, topic=name)
    publish(topic, make_event("refused-1", "refused"))
    settled(grid, name, attempted(1))
    control.change_clock(advance_seconds=10)
    (delivery,) = settled(grid, name, attempted(2))
    assert [attempt["status"] for attempt in delivery["attempts"]] == [500, 500]
    assert len(taken(hosts, "events", "refused-")) == 2
