"""The webhook for Event Grid: handshakes of both schemas, deliveries, and failures."""

import json
from typing import Any

import pytest

from tests.local.host.conformance.host_client import HostClient
from tests.local.host.conformance.hosts import APPS, Hosts, Journal

PATH = "runtime/webhooks/eventgrid"


@pytest.fixture(scope="module")
def web(hosts: Hosts) -> HostClient:
    return hosts.start(APPS / "web")


def event(number: str, subject: str = "a subscription") -> dict[str, Any]:
    return {
        "id": number,
        "topic": "/subscriptions/one",
        "subject": subject,
        "eventType": "Example.Made",
        "eventTime": "2026-01-01T00:00:00Z",
        "data": {"number": number},
        "dataVersion": "1",
        "metadataVersion": "1",
    }


def cloud_event(number: str) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": number,
        "type": "Example.Made",
        "source": "/subscriptions/one",
        "subject": "a subscription",
        "time": "2026-01-01T00:00:00Z",
        "data": {"number": number},
    }


def taken(journal: Journal, name: str, numbers: set[str]) -> list[Any]:
    """What functions wrote of the events of some numbers; they may have come in any order."""
    documents = [json.loads(line) for line in journal.lines(name)]
    return sorted(document for document in documents if document[0] in numbers)


def test_handshake(web: HostClient) -> None:
    validation = {**event("1"), "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent"}
    validation["data"] = {"validationCode": "512d38b6", "validationUrl": "https://example.org/"}
    answer = web.deliver("take_event", [validation], "SubscriptionValidation")
    assert (answer.status_code, answer.json()) == (200, {"validationResponse": "512d38b6"})


def test_handshake_of_cloud_events(web: HostClient) -> None:
    query = {"functionName": "take_cloud_event", "code": web.host.event_grid_key}
    headers = {"WebHook-Request-Origin": "eventgrid.azure.net", "WebHook-Request-Rate": "120"}
    answer = web.send("OPTIONS", PATH, params=query, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["webhook-allowed-origin"] == "eventgrid.azure.net"
    assert answer.headers["webhook-allowed-rate"] == "*"


def test_notify(web: HostClient, journal: Journal) -> None:
    assert web.deliver("take_event", [event("11"), event("12")]).status_code == 202
    assert taken(journal, "events", {"11", "12"}) == [
        [number, "Example.Made", "a subscription", "/subscriptions/one", {"number": number}] for number in ("11", "12")
    ]


def test_notify_of_cloud_events(web: HostClient, journal: Journal) -> None:
    assert web.deliver("take_cloud_event", cloud_event("21")).status_code == 202
    assert web.deliver("take_cloud_event", [cloud_event("22"), cloud_event("23")]).status_code == 202
    assert taken(journal, "cloud-events", {"21", "22", "23"}) == [
        [number, "Example.Made", "/subscriptions/one", "a subscription", {"number": number}]
        for number in ("21", "22", "23")
    ]


def test_one_failure_fails_the_delivery_and_the_others_run(web: HostClient, journal: Journal) -> None:
    answer = web.deliver("take_event", [event("31"), event("32", "refused"), event("33")])
    assert answer.status_code == 500
    assert "no such subject" not in answer.text
    assert [document[0] for document in taken(journal, "events", {"31", "32", "33"})] == ["31", "32", "33"]


def test_unsubscribe(web: HostClient) -> None:
    assert web.deliver("take_event", event("41"), "Unsubscribe").status_code == 202


def test_what_is_no_delivery(web: HostClient, journal: Journal) -> None:
    assert web.deliver("take_event", [event("51")], "Other").status_code == 400
    assert web.deliver("nothing", [event("51")]).status_code == 404
    assert web.deliver("text", [event("51")]).status_code == 404
    assert web.deliver("take_event", [1]).status_code == 400
    assert taken(journal, "events", {"51"}) == []


def test_keys_of_the_webhook(web: HostClient, journal: Journal) -> None:
    headers = {"aeg-event-type": "Notification"}
    host = web.host
    for key in (None, "wrong", host.functions_key, host.durable_key):
        query = {"functionName": "take_event", "code": key}
        answer = web.send("POST", PATH, params=query, headers=headers, json=[event("61")])
        assert answer.status_code == 401
    assert taken(journal, "events", {"61"}) == []
    query = {"functionName": "take_event", "code": host.master_key}
    assert web.send("POST", PATH, params=query, headers=headers, json=[event("61")]).status_code == 202
