"""Topics and subscriptions of each test's own, and a webhook."""

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from azure.core.credentials import AzureKeyCredential
from azure.eventgrid import EventGridEvent, EventGridPublisherClient

from local.azure.control.event_grid_client import EventGridControl
from local.azure.control.event_grid_models import MadeTopic
from local.azure.event_grid.settings import SubscriptionSettings
from local.azure.launch import LocalAzure
from tests.local.azure.event_grid.receiver import Receiver, receiving

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def grid(azure: LocalAzure) -> EventGridControl:
    return EventGridControl(azure.endpoints.control_url)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def name() -> str:
    """The name of a test's topic and subscription."""
    return f"Events-{next(_NUMBERS)}"


@pytest.fixture
def topic(grid: EventGridControl, name: str) -> MadeTopic:
    return grid.put_topic(name)


@pytest.fixture
def subscribe(grid: EventGridControl, name: str, receiver: Receiver) -> Callable[..., None]:
    """Subscribe the webhook to the test's topic."""

    def put(**settings: Any) -> None:
        named = {"topic": name, "endpoint_url": receiver.url, **settings}
        grid.put_subscription(name, SubscriptionSettings.model_validate(named))

    return put


def publisher(topic: MadeTopic, key: str | None = None) -> EventGridPublisherClient:
    return EventGridPublisherClient(topic.endpoint, AzureKeyCredential(key or topic.keys[0]), retry_total=0)


def publish(topic: MadeTopic, *events: EventGridEvent) -> None:
    """Publish with the topic's key, as an SDK does."""
    with publisher(topic) as client:
        client.send(list(events))


def make_event(number: str, subject: str = "hsms/one", kind: str = "Example.Made", **data: Any) -> EventGridEvent:
    return EventGridEvent(subject, kind, {"number": number, **data}, "2", id=number)


def settled(
    grid: EventGridControl, name: str, holds: Callable[[list[dict[str, Any]]], bool], seconds: float = 10
) -> list[dict[str, Any]]:
    """Wait until something holds of a subscription's deliveries, and give them."""
    deadline = time.monotonic() + seconds
    while not holds(deliveries := grid.deliveries(name)):
        assert time.monotonic() < deadline, deliveries
        time.sleep(0.02)
    return deliveries


def states(deliveries: list[dict[str, Any]]) -> list[str]:
    return [delivery["state"] for delivery in deliveries]


def delivered(count: int) -> Callable[[list[dict[str, Any]]], bool]:
    return lambda deliveries: states(deliveries) == ["delivered"] * count


def attempted(count: int) -> Callable[[list[dict[str, Any]]], bool]:
    return lambda deliveries: all(len(delivery["attempts"]) >= count for delivery in deliveries)
