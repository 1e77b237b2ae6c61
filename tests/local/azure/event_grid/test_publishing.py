"""What is published with Microsoft's own SDK: by key and by token, in both schemas; and what is refused."""

from collections.abc import Callable
from typing import Any

import pytest
import requests
from azure.core.credentials import TokenCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridPublisherClient

from local.azure.control.client import ControlClient
from local.azure.control.event_grid_client import EventGridControl
from local.azure.control.event_grid_models import MadeTopic
from local.azure.control.models import MadeApplication
from tests.local.azure.event_grid.conftest import delivered, make_event, publish, publisher, settled
from tests.local.azure.event_grid.receiver import Receiver

AUDIENCE = "https://eventgrid.azure.net"
SENDER = "EventGrid Data Sender"
SEND = "Microsoft.EventGrid/events/send/action"
VERSION = {"api-version": "2018-01-01"}


def post(topic: MadeTopic, body: Any, media_type: str = "application/json", **headers: str) -> requests.Response:
    """Publish as no SDK would."""
    named = {"aeg-sas-key": topic.keys[1], "Content-Type": media_type, **headers}
    data = {"data": body} if isinstance(body, (bytes, str)) else {"json": body}
    return requests.post(topic.endpoint, params=VERSION, headers=named, timeout=10, **data)


def code_of(response: requests.Response) -> tuple[int, str, str]:
    error = response.json()["error"]
    assert error["details"][0]["message"] == error["message"]
    return response.status_code, error["code"], error["details"][0]["code"]


def test_by_key(
    grid: EventGridControl, topic: MadeTopic, name: str, receiver: Receiver, subscribe: Callable[..., None]
) -> None:
    subscribe()
    publish(topic, make_event("1"), make_event("2"))
    settled(grid, name, delivered(2))
    # Each event comes for itself, in an array.
    assert sorted(receiver.numbers) == ["1", "2"]
    first = next(request for request in receiver.notified if request.body[0]["id"] == "1")
    (event,) = first.body
    assert (event.pop("eventTime")[:2], event) == (
        "20",
        {
            "id": "1",
            "topic": topic.resource_id,
            "subject": "hsms/one",
            "eventType": "Example.Made",
            "data": {"number": "1"},
            "dataVersion": "2",
            "metadataVersion": "1",
        },
    )
    wanted = {
        "content-type": "application/json; charset=utf-8",
        "aeg-event-type": "Notification",
        "aeg-subscription-name": name.upper(),
        "aeg-delivery-count": "0",
        "aeg-data-version": "2",
        "aeg-metadata-version": "1",
    }
    assert wanted.items() <= first.headers.items()


@pytest.mark.parametrize("version", ["", "naïve", "a\r\nb", 1])
def test_an_odd_version_of_data(
    grid: EventGridControl,
    topic: MadeTopic,
    name: str,
    receiver: Receiver,
    subscribe: Callable[..., None],
    version: Any,
) -> None:
    subscribe()
    assert post(topic, [{**WHOLE, "dataVersion": version}]).status_code == 200
    settled(grid, name, delivered(1))
    (request,) = receiver.notified
    assert request.body[0]["dataVersion"] == version
    assert request.headers.get("aeg-data-version") == (None if version else "")


def test_by_token(
    grid: EventGridControl,
    name: str,
    receiver: Receiver,
    subscribe: Callable[..., None],
    control: ControlClient,
    credential: TokenCredential,
    application: MadeApplication,
) -> None:
    topic = grid.put_topic(name, local_auth=False)
    subscribe()
    since = len(control.journal())
    with EventGridPublisherClient(topic.endpoint, credential, retry_total=0) as client:
        with pytest.raises(ClientAuthenticationError, match=f"permission to send data to {topic.resource_id}"):
            client.send(make_event("1"))
        assert grid.put_topic(name, local_auth=False, assignments={application.object_id: [SENDER]}) == topic
        client.send(make_event("2"))
    with pytest.raises(ClientAuthenticationError, match="Local authentication is disabled"):
        publish(topic, make_event("3"))
    settled(grid, name, delivered(1))
    assert receiver.numbers == ["2"]
    entries = control.journal("event_grid", since=since)
    assert [(entry["action"], entry["status"]) for entry in entries] == [(SEND, 401), (SEND, 200), (SEND, 401)]


def test_cloud_events(grid: EventGridControl, name: str, receiver: Receiver, subscribe: Callable[..., None]) -> None:
    topic = grid.put_topic(name, "CloudEventSchemaV1_0")
    subscribe()
    with publisher(topic) as client:
        client.send([CloudEvent("contoso/hsms", "Example.Made", data={"number": 1}, subject="one", id="1")])
    settled(grid, name, delivered(1))
    (request,) = receiver.notified
    assert request.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert request.headers["aeg-metadata-version"] == "1.0"
    assert "aeg-data-version" not in request.headers
    assert request.body.pop("time")
    assert request.body == {
        "specversion": "1.0",
        "id": "1",
        "source": "contoso/hsms",
        "type": "Example.Made",
        "subject": "one",
        "data": {"number": 1},
    }
    single = {"specversion": "1.0", "id": "2", "source": "contoso/hsms", "type": "Example.Made"}
    for media_type in ("application/cloudevents+json", "application/json"):
        assert post(topic, single, media_type).status_code == 200
    settled(grid, name, delivered(3))


def test_event_grid_events_arrive_as_cloud_events(
    grid: EventGridControl, topic: MadeTopic, name: str, receiver: Receiver, subscribe: Callable[..., None]
) -> None:
    subscribe(event_delivery_schema="CloudEventSchemaV1_0")
    publish(topic, make_event("1"))
    settled(grid, name, delivered(1))
    (request,) = receiver.notified
    assert (request.body["source"], request.body["type"], request.body["data"]) == (
        topic.resource_id,
        "Example.Made",
        {"number": "1"},
    )


WHOLE = {"id": "1", "subject": "one", "eventType": "Example.Made", "eventTime": "2026-01-01T00:00:00Z", "data": 1}
CLOUD = {"specversion": "1.0", "id": "1", "source": "contoso", "type": "Example.Made"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        *[
            ([{key: value for key, value in WHOLE.items() if key != member}], f"requires '{member}' property")
            for member in ("id", "subject", "eventType", "eventTime")
        ],
        ([{**WHOLE, "eventTime": "yesterday"}], "'eventTime' is no date"),
        ([{**WHOLE, "topic": "/subscriptions/other"}], "'topic' must be"),
        ([{**WHOLE, "metadataVersion": "2"}], "'metadataVersion' must be"),
        ([WHOLE, {}], "requires 'id'"),
        (WHOLE, "Token Expected: StartArray, Actual Token Received: StartObject"),
        ([], "does not conform"),
        ([1], "does not conform"),
        ("{", "reading JSON"),
    ],
)
def test_what_is_not_of_event_grids_schema(
    grid: EventGridControl, topic: MadeTopic, name: str, subscribe: Callable[..., None], body: Any, words: str
) -> None:
    subscribe()
    response = post(topic, body)
    assert code_of(response) == (400, "BadRequest", "InputJsonInvalid")
    assert words in response.json()["error"]["message"]
    assert grid.deliveries(name) == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({**CLOUD, "type": ""}, "'CloudEventV10' schema and requires 'eventType'"),
        ({**CLOUD, "specversion": "0.3"}, "'specversion' must be"),
        ({**CLOUD, "time": "yesterday"}, "'time' is no date"),
        ([CLOUD], "Token Expected: StartObject, Actual Token Received: StartArray"),
    ],
)
def test_what_is_no_cloud_event(grid: EventGridControl, name: str, body: Any, words: str) -> None:
    topic = grid.put_topic(name, "CloudEventSchemaV1_0")
    response = post(topic, body, "application/cloudevents+json")
    assert code_of(response) == (400, "BadRequest", "InputJsonInvalid")
    assert words in response.json()["error"]["message"]


def test_the_sdk_is_told_of_another_schema(grid: EventGridControl, topic: MadeTopic, name: str) -> None:
    with publisher(topic) as client, pytest.raises(HttpResponseError, match="requires 'subject'") as raised:
        client.send(CloudEvent("contoso", "Example.Made", data={}))
    assert raised.value.status_code == 400
    of_cloud_events = grid.put_topic(f"{name}-cloud", "CloudEventSchemaV1_0")
    with pytest.raises(HttpResponseError, match="configured to receive event in 'CloudEventV10' schema"):
        publish(of_cloud_events, make_event("1"))


def test_other_refusals(
    grid: EventGridControl, topic: MadeTopic, name: str, token: Callable[..., str], application: MadeApplication
) -> None:
    grid.put_topic(name, assignments={application.object_id: [SENDER]})
    unauthorized = (401, "Unauthorized", "Unauthorized")
    refused = pytest.raises(ClientAuthenticationError, match="is not authorized for")
    with publisher(topic, "d3Jvbmc=") as client, refused:
        client.send(make_event("1"))
    assert code_of(requests.post(topic.endpoint, params=VERSION, json=[WHOLE], timeout=10)) == unauthorized
    for wrong in (token("https://vault.azure.net"), token(AUDIENCE, expiresInSeconds=-60), "none"):
        headers = {"Authorization": f"Bearer {wrong}"}
        assert code_of(post(topic, [WHOLE], **headers)) == unauthorized
    assert post(topic, [WHOLE], Authorization=f"Bearer {token(AUDIENCE)}").status_code == 200
    # A topic is known by its name and its region.
    host = topic.endpoint.partition("//")[2].partition("/")[0]
    for other in (host.replace(name.lower(), "nobody"), host.replace("norwayeast", "westeurope")):
        answer = requests.post(f"https://{other}/api/events", json=[WHOLE], timeout=10)
        assert code_of(answer) == (404, "NotFound", "NotFound")
    assert code_of(post(topic, [{**WHOLE, "data": "x" * (1 << 20)}])) == (
        413,
        "RequestEntityTooLarge",
        "RequestEntityTooLarge",
    )
    cloud = grid.put_topic(f"{name}-cloud", "CloudEventSchemaV1_0")
    assert code_of(post(cloud, CLOUD, "text/plain"))[:2] == (415, "UnsupportedMediaType")
    without_version = requests.post(topic.endpoint, json=[WHOLE], headers={"aeg-sas-key": topic.keys[0]}, timeout=10)
    assert code_of(without_version)[0] == 400
    elsewhere = requests.get(topic.endpoint, headers={"aeg-sas-key": topic.keys[0]}, timeout=10)
    assert elsewhere.json()["error"]["code"] == "NotInLocalAzure"
