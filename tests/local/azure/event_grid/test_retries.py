"""Deliveries that fail: when they are tried again, when no more, and where their events end."""

import asyncio
import json
import re
import threading
from collections.abc import Callable

import pytest
from azure.core.credentials import TokenCredential
from azure.storage.blob import ContainerClient

from local.azure.control.client import ControlClient
from local.azure.control.event_grid_client import EventGridControl
from local.azure.control.event_grid_models import MadeTopic
from local.azure.core.certificates import make_tls_files
from local.azure.core.tokens import TokenAuthority
from local.azure.event_grid.courier import Courier
from local.azure.event_grid.models import Delivery, EventGrid
from local.azure.event_grid.settings import Disorder, SubscriptionSettings
from local.azure.launch import LocalAzure
from local.azure.managed_hsm.storage import BackupStorage
from local.clock import Clock
from tests.local.azure.event_grid.conftest import (
    attempted,
    delivered,
    make_event,
    publish,
    settled,
    states,
)
from tests.local.azure.event_grid.receiver import Receiver

PAUSES = [10, 30, 60, 300, 600, 1800, 3600, 10800, 21600, 43200]
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@pytest.fixture
def letters(azure: LocalAzure, credential: TokenCredential, name: str) -> ContainerClient:
    """The container for the test's dead letters."""
    container = ContainerClient(azure.endpoints.storage_account_url, f"dead-{name.lower()}", credential=credential)
    container.create_container()
    return container


def test_the_schedule_and_the_time_to_live(
    grid: EventGridControl,
    topic: MadeTopic,
    name: str,
    receiver: Receiver,
    subscribe: Callable[..., None],
    control: ControlClient,
) -> None:
    receiver.statuses = [500] * 20
    subscribe()
    publish(topic, make_event("1"))
    settled(grid, name, attempted(1))
    for number, pause in enumerate(PAUSES, 2):
        control.change_clock(advance_seconds=pause - 5)
        assert len(grid.deliveries(name)[0]["attempts"]) == number - 1
        control.change_clock(advance_seconds=5)
        settled(grid, name, attempted(number))
    # A day has passed before the next attempt, and only that is when anybody looks.
    assert states(grid.deliveries(name)) == ["pending"]
    control.change_clock(advance_seconds=PAUSES[-1])
    (delivery,) = settled(grid, name, lambda deliveries: states(deliveries) == ["dropped"])
    assert delivery["deadLetterReason"] == "TimeToLiveExceeded"
    assert [request.headers["aeg-delivery-count"] for request in receiver.notified] == [
        str(number) for number in range(11)
    ]
    outcomes = {(attempt["status"], attempt["outcome"]) for attempt in delivery["attempts"]}
    assert outcomes == {(500, "GenericError")}


def test_an_event_arrives_at_last(
    grid: EventGridControl,
    topic: MadeTopic,
    name: str,
    receiver: Receiver,
    subscribe: Callable[..., None],
    control: ControlClient,
) -> None:
    receiver.statuses = [503, 404, 302]
    subscribe(max_events_per_batch=2)
    publish(topic, make_event("1"), make_event("2"))
    settled(grid, name, attempted(1))
    # 503 waits for 30 s, then the second pause is 30 s and the third a minute.
    for number, seconds in enumerate((30, 30, 60), 2):
        control.change_clock(advance_seconds=seconds)
        settled(grid, name, attempted(number))
    deliveries = settled(grid, name, delivered(2))
    attempts = [(attempt["status"], attempt["outcome"]) for attempt in deliveries[0]["attempts"]]
    assert attempts == [(503, "Busy"), (404, "NotFound"), (302, "GenericError"), (200, "Success")]
    # All or none of a batch.
    assert [[event["id"] for event in request.body] for request in receiver.notified] == [["1", "2"]] * 4


def test_a_subscription_that_moved_is_followed(
    grid: EventGridControl,
    topic: MadeTopic,
    name: str,
    receiver: Receiver,
    subscribe: Callable[..., None],
    control: ControlClient,
) -> None:
    receiver.statuses = [500]
    subscribe()
    publish(topic, make_event("1"))
    settled(grid, name, attempted(1))
    subscribe(endpoint_url=receiver.url.replace("hook", "other"))
    control.change_clock(advance_seconds=10)
    settled(grid, name, delivered(1))
    receiver.statuses = [500]
    publish(topic, make_event("2"))
    settled(grid, name, attempted(1))
    grid.delete_subscription(name)
    control.change_clock(advance_seconds=10)
    settled(grid, name, lambda deliveries: states(deliveries) == ["delivered", "dropped"])
    assert receiver.numbers == ["1", "1", "2"]


@pytest.mark.parametrize(
    ("status", "reason", "outcome"),
    [
        (400, "UndeliverableDueToHttpBadRequest", "BadRequest"),
        (401, "UndeliverableDueToHttpUnauthorized", "Unauthorized"),
        (403, "UndeliverableDueToHttpForbidden", "Forbidden"),
        (413, "UndeliverableDueToHttpRequestEntityTooLarge", "PayloadTooLarge"),
    ],
)
def test_some_statuses_are_final(
    grid: EventGridControl,
    topic: MadeTopic,
    name: str,
    receiver: Receiver,
    subscribe: Callable[..., None],
    status: int,
    reason: str,
    outcome: str,
) -> None:
    receiver.statuses = [status]
    subscribe()
    publish(topic, make_event("1"))
    (delivery,) = settled(grid, name, lambda deliveries: states(deliveries) == ["dropped"])
    assert (delivery["deadLetterReason"], delivery["attempts"][0]["outcome"]) == (reason, outcome)
    assert len(delivery["attempts"]) == 1


def test_dead_letters(
    grid: EventGridControl,
    topic: MadeTopic,
    name: str,
    receiver: Receiver,
    subscribe: Callable[..., None],
    control: ControlClient,
    letters: ContainerClient,
) -> None:
    receiver.statuses = [500, 404]
    policy = {"max_delivery_attempts": 2}
    subscribe(dead_letter_container=letters.container_name, retry_policy=policy)
    publish(topic, make_event("1"))
    settled(grid, name, attempted(1))
    control.change_clock(advance_seconds=10)
    settled(grid, name, lambda deliveries: states(deliveries) == ["deadLettering"])
    assert list(letters.list_blob_names()) == []
    control.change_clock(advance_seconds=300)
    (delivery,) = settled(grid, name, lambda deliveries: states(deliveries) == ["deadLettered"])
    (blob,) = letters.list_blob_names()
    assert blob == delivery["deadLetterBlob"]
    assert re.fullmatch(rf"{name.upper()}/\d{{4}}/[1-9]\d?/[1-9]\d?/(0|[1-9]\d?)/{UUID}\.json", blob)
    (letter,) = json.loads(letters.download_blob(blob).readall())
    assert delivery["event"].items() <= letter.items()
    why = {key: value for key, value in letter.items() if key not in delivery["event"]}
    times = {why.pop("publishTime"), why.pop("lastDeliveryAttemptTime")}
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z", time) for time in times)
    assert why == {
        "deadLetterReason": "MaxDeliveryAttemptsExceeded",
        "deliveryAttempts": 2,
        "lastDeliveryOutcome": "NotFound",
        "lastHttpStatusCode": 404,
    }


def test_dead_letters_of_a_batch_of_cloud_events(
    grid: EventGridControl,
    topic: MadeTopic,
    name: str,
    receiver: Receiver,
    subscribe: Callable[..., None],
    control: ControlClient,
    letters: ContainerClient,
) -> None:
    receiver.statuses = [400]
    container = letters.container_name
    subscribe(dead_letter_container=container, event_delivery_schema="CloudEventSchemaV1_0", max_events_per_batch=9)
    publish(topic, make_event("1"), make_event("2"))
    settled(grid, name, lambda deliveries: states(deliveries) == ["deadLettering"] * 2)
    control.change_clock(advance_seconds=300)
    settled(grid, name, lambda deliveries: states(deliveries) == ["deadLettered"] * 2)
    (blob,) = letters.list_blob_names()
    found = json.loads(letters.download_blob(blob).readall())
    assert [(letter["id"], letter["deadletterreason"], letter["deliveryattempts"]) for letter in found] == [
        ("1", "UndeliverableDueToHttpBadRequest", 1),
        ("2", "UndeliverableDueToHttpBadRequest", 1),
    ]


def test_a_dead_letter_without_a_place_is_dropped(
    grid: EventGridControl,
    topic: MadeTopic,
    name: str,
    receiver: Receiver,
    subscribe: Callable[..., None],
    control: ControlClient,
) -> None:
    receiver.statuses = [400]
    subscribe(dead_letter_container="not-there")
    publish(topic, make_event("1"))
    settled(grid, name, lambda deliveries: states(deliveries) == ["deadLettering"])
    control.change_clock(advance_seconds=300)
    settled(grid, name, lambda deliveries: states(deliveries) == ["dropped"])


def test_late_events(
    grid: EventGridControl,
    topic: MadeTopic,
    name: str,
    receiver: Receiver,
    subscribe: Callable[..., None],
    control: ControlClient,
) -> None:
    subscribe()
    grid.change_disorder(name, Disorder(delay_seconds=3600))
    publish(topic, make_event("1"))
    control.change_clock(advance_seconds=3500)
    assert states(grid.deliveries(name)) == ["pending"]
    assert receiver.numbers == []
    control.change_clock(advance_seconds=100)
    settled(grid, name, delivered(1))


async def attempted_in_process(delivery: Delivery, count: int) -> None:
    while len(delivery.attempts) < count:  # noqa: ASYNC110 - nobody but a test waits for an attempt
        await asyncio.sleep(0.01)


def test_who_does_not_answer_in_time_or_not_at_all(
    receiver: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """In this process, where the time for an answer is short."""
    receiver.answering = threading.Event()
    files = make_tls_files(tmp_path_factory.mktemp("tls"))

    async def run() -> None:
        clock = Clock()
        courier = Courier(clock, BackupStorage(0, files, TokenAuthority("a tenant")), acknowledgement_seconds=0.3)
        grid = EventGrid("a subscription")
        settings = SubscriptionSettings(endpoint_url=receiver.url)
        subscription = grid.keep(grid.draw_up("slow", settings))
        grid.enter(subscription, [{"id": "1"}], clock.now())
        courier.send(subscription)
        (delivery,) = grid.deliveries
        async with asyncio.timeout(10):
            await attempted_in_process(delivery, 1)
            subscription.settings = settings.model_copy(update={"endpoint_url": "http://127.0.0.1:9/"})
            clock.change(advance_seconds=10)
            await attempted_in_process(delivery, 2)
        assert [(attempt.status, attempt.outcome) for attempt in delivery.attempts] == [
            (None, "TimedOut"),
            (None, "SocketError"),
        ]

    asyncio.run(run())
    receiver.answering.set()
