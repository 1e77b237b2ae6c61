"""Subscriptions: the handshake of either schema, filters, batches, disorder, and events of system topics."""

from collections.abc import Callable
from typing import Any

import pytest
import requests
from azure.core.messaging import CloudEvent

from local.azure.control.event_grid_client import EventGridControl
from local.azure.control.event_grid_models import MadeTopic
from local.azure.event_grid.filters import matches
from local.azure.event_grid.settings import Disorder, Filter
from local.azure.launch import LocalAzure
from tests.local.azure.event_grid.conftest import delivered, make_event, publish, publisher, settled, states
from tests.local.azure.event_grid.receiver import Receiver


def test_handshake(azure: LocalAzure, receiver: Receiver, subscribe: Callable[..., None]) -> None:
    subscribe(topic=None)
    (request,) = receiver.received
    (event,) = request.body
    assert request.headers["aeg-event-type"] == "SubscriptionValidation"
    assert event["eventType"] == "Microsoft.EventGrid.SubscriptionValidationEvent"
    assert event["topic"] == f"/subscriptions/{azure.endpoints.subscription_id}"


def test_handshake_of_cloud_events(receiver: Receiver, subscribe: Callable[..., None]) -> None:
    subscribe(topic=None, event_delivery_schema="CloudEventSchemaV1_0")
    (request,) = receiver.received
    assert (request.method, request.headers["webhook-request-origin"]) == ("OPTIONS", "eventgrid.azure.net")


@pytest.mark.parametrize("schema", ["EventGridSchema", "CloudEventSchemaV1_0"])
def test_a_webhook_that_does_not_agree_gets_nothing(
    grid: EventGridControl,
    topic: MadeTopic,
    name: str,
    receiver: Receiver,
    subscribe: Callable[..., None],
    schema: str,
) -> None:
    receiver.agrees = False
    with pytest.raises(requests.HTTPError, match="400"):
        subscribe(event_delivery_schema=schema)
    with pytest.raises(requests.HTTPError, match="400"):
        subscribe(event_delivery_schema=schema, endpoint_url="http://127.0.0.1:9/")
    publish(topic, make_event("1"))
    with pytest.raises(requests.HTTPError, match="404"):
        grid.inject(name, [{"id": "1"}])
    assert grid.deliveries(name) == []
    assert receiver.notified == []


def test_what_cannot_be_subscribed(
    azure: LocalAzure, grid: EventGridControl, name: str, receiver: Receiver, subscribe: Callable[..., None]
) -> None:
    with pytest.raises(requests.HTTPError, match="404"):
        subscribe()
    grid.put_topic(name, "CloudEventSchemaV1_0")
    with pytest.raises(requests.HTTPError, match="400"):
        subscribe(event_delivery_schema="EventGridSchema")
    url = f"{azure.endpoints.control_url}/event-grid/subscriptions/{name}"
    for elsewhere in ("https://hooks.contoso.example/", "http://127.0.0.1/", "http://127.0.0.1:99999/"):
        answer = requests.put(url, json={"endpointUrl": elsewhere}, timeout=5)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, ["endpointUrl"])
    assert receiver.received == []


EVENT = {"id": "1", "subject": "/hsms/One/keys", "eventType": "Example.Made", "data": {"owner": {"team": "Alpha"}}}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, True),
        ({"includedEventTypes": ["Example.Made", "Example.Lost"]}, True),
        ({"includedEventTypes": ["Example.Lost"]}, False),
        ({"subjectBeginsWith": "/HSMS/"}, True),
        ({"subjectBeginsWith": "/HSMS/", "isSubjectCaseSensitive": True}, False),
        ({"subjectEndsWith": "/keys", "subjectBeginsWith": "/hsms"}, True),
        ({"subjectEndsWith": "/roles"}, False),
        ({"advancedFilters": [{"operatorType": "StringIn", "key": "data.owner.team", "values": ["b", "alpha"]}]}, True),
        ({"advancedFilters": [{"operatorType": "StringIn", "key": "data.owner.team", "values": ["alp"]}]}, False),
        ({"advancedFilters": [{"operatorType": "StringBeginsWith", "key": "data.owner.team", "values": ["AL"]}]}, True),
        ({"advancedFilters": [{"operatorType": "StringBeginsWith", "key": "data.owner", "values": ["a"]}]}, False),
        ({"advancedFilters": [{"operatorType": "StringIn", "key": "data.none.at.all", "values": ["a"]}]}, False),
    ],
)
def test_filters(wanted: dict[str, Any], expected: bool) -> None:
    assert matches(Filter.model_validate(wanted), EVENT) is expected
    cloud_event = {**EVENT, "type": EVENT["eventType"]}
    del cloud_event["eventType"]
    assert matches(Filter.model_validate(wanted), cloud_event) is expected


def test_only_what_is_wanted_arrives(
    grid: EventGridControl, topic: MadeTopic, name: str, receiver: Receiver, subscribe: Callable[..., None]
) -> None:
    subscribe(filter={"included_event_types": ["Example.Made"], "subject_begins_with": "hsms/"})
    publish(topic, make_event("1"), make_event("2", kind="Example.Lost"), make_event("3", subject="keys/one"))
    settled(grid, name, delivered(1))
    assert receiver.numbers == ["1"]


def test_batches(
    grid: EventGridControl, topic: MadeTopic, name: str, receiver: Receiver, subscribe: Callable[..., None]
) -> None:
    subscribe(max_events_per_batch=4)
    publish(topic, *[make_event(str(number)) for number in range(10)])
    settled(grid, name, delivered(10))
    assert sorted(len(request.body) for request in receiver.notified) == [2, 4, 4]
    assert sorted(receiver.numbers) == [str(number) for number in range(10)]


def test_batches_of_cloud_events(
    grid: EventGridControl, name: str, receiver: Receiver, subscribe: Callable[..., None]
) -> None:
    topic = grid.put_topic(name, "CloudEventSchemaV1_0")
    subscribe(max_events_per_batch=5)
    with publisher(topic) as client:
        client.send([CloudEvent("contoso", "Example.Made", data={}) for _ in range(2)])
    settled(grid, name, delivered(2))
    (request,) = receiver.notified
    assert request.headers["content-type"] == "application/cloudevents-batch+json; charset=utf-8"
    assert len(request.body) == 2


def test_fifty_duplicates(
    grid: EventGridControl, topic: MadeTopic, name: str, receiver: Receiver, subscribe: Callable[..., None]
) -> None:
    subscribe()
    grid.change_disorder(name, Disorder(copies=50))
    publish(topic, make_event("1"), make_event("2"))
    settled(grid, name, delivered(100), 30)
    assert sorted(receiver.numbers) == ["1"] * 50 + ["2"] * 50
    grid.change_disorder(name, Disorder())
    publish(topic, make_event("3"))
    settled(grid, name, delivered(101))
    assert receiver.numbers[-1] == "3"


def test_held_and_out_of_order(
    grid: EventGridControl, topic: MadeTopic, name: str, receiver: Receiver, subscribe: Callable[..., None]
) -> None:
    subscribe()
    grid.change_disorder(name, Disorder(hold=True))
    for number in ("1", "2", "3"):
        publish(topic, make_event(number))
    assert states(grid.deliveries(name)) == ["pending"] * 3
    assert receiver.numbers == []
    # One that fails does not keep the others back.
    receiver.statuses = [500]
    grid.change_disorder(name, Disorder(order="reversed"))
    settled(grid, name, lambda deliveries: states(deliveries) == ["delivered", "delivered", "pending"])
    assert receiver.numbers == ["3", "2", "1"]
    grid.change_disorder(name, Disorder(hold=True))
    publish(topic, *[make_event(str(number)) for number in range(100, 120)])
    grid.change_disorder(name, Disorder(order="shuffled"))
    settled(grid, name, lambda deliveries: states(deliveries).count("delivered") == 22)
    assert sorted(receiver.numbers[3:]) == [str(number) for number in range(100, 120)] != receiver.numbers[3:]


def test_events_of_a_system_topic(
    grid: EventGridControl, name: str, receiver: Receiver, subscribe: Callable[..., None]
) -> None:
    kind = "Microsoft.PolicyInsights.PolicyStateChanged"
    subscribe(topic=None, filter={"included_event_types": [kind]})
    event = {
        "id": "5829794fcb5075fcf585476619577b5a5a30e52c84842cbd4e2ad73996714c4c",
        "topic": "/tenants/one/providers/Microsoft.Management/managementGroups/landing-zones",
        "subject": "/subscriptions/one",
        "data": {"timestamp": "2026-03-27T18:37:42.4496956Z", "complianceState": "NonCompliant"},
        "eventType": kind,
        "eventTime": "2026-03-27T18:37:42.5241536Z",
        "dataVersion": "1",
        "metadataVersion": "1",
    }
    assert states(grid.inject(name, [event, {**event, "eventType": "Microsoft.Resources.ResourceWriteSuccess"}])) == [
        "pending"
    ]
    settled(grid, name, delivered(1))
    assert [request.body for request in receiver.notified] == [[event]]
