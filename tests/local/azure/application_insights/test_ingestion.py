"""What Application Insights takes, from whom, and what it says of the rest."""

import gzip
import json
from typing import Any

import pytest
import requests

from local.azure.control.client import ControlClient
from local.azure.control.models import NewToken

URL = "https://norwayeast-0.in.applicationinsights.azure.com/v2.1/track"
MONITOR = "https://monitor.azure.com"
ITEM = {
    "name": "Microsoft.ApplicationInsights.Event",
    "time": "2026-11-30T12:00:00Z",
    "data": {"baseType": "EventData"},
}


def send(control: ControlClient, body: bytes, *, audience: str = MONITOR, url: str = URL, **headers: str) -> Any:
    token = control.create_token(NewToken(audience=audience))
    return requests.post(url, data=body, headers={"Authorization": f"Bearer {token}", **headers}, timeout=5)


@pytest.mark.parametrize("audience", [MONITOR, f"{MONITOR}/"])
@pytest.mark.parametrize("url", [URL, URL.replace("/v2.1", "//v2.1")])
def test_items_are_taken(control: ControlClient, audience: str, url: str) -> None:
    since = len(control.telemetry())
    answer = send(control, json.dumps([ITEM, ITEM]).encode(), audience=audience, url=url)
    assert (answer.status_code, answer.json()) == (200, {"itemsReceived": 2, "itemsAccepted": 2, "errors": []})
    assert control.telemetry(since=since) == [ITEM, ITEM]


def test_lines_may_be_compressed(control: ControlClient) -> None:
    since = len(control.telemetry())
    lines = "\n".join([json.dumps(ITEM)] * 3).encode()
    answer = send(control, gzip.compress(lines), **{"Content-Encoding": "gzip"})
    assert answer.json()["itemsAccepted"] == 3
    assert control.telemetry(since=since) == [ITEM] * 3


def test_what_is_no_item_is_told_of(control: ControlClient) -> None:
    since = len(control.telemetry())
    answer = send(control, json.dumps([{"name": "x"}, ITEM]).encode())
    assert answer.status_code == 206
    assert (answer.json()["itemsAccepted"], [error["index"] for error in answer.json()["errors"]]) == (1, [0])
    assert control.telemetry(since=since) == [ITEM]


@pytest.mark.parametrize("body", [b"nothing", b"[1]", b"\xff", b'{"name": "x"'])
def test_what_is_no_telemetry_is_refused(control: ControlClient, body: bytes) -> None:
    since = len(control.telemetry())
    assert send(control, body).status_code == 400
    assert send(control, body, **{"Content-Encoding": "gzip"}).status_code == 400
    assert control.telemetry(since=since) == []


def test_only_a_token_for_azure_monitor_counts(control: ControlClient) -> None:
    since = len(control.telemetry())
    body = json.dumps([ITEM]).encode()
    assert send(control, body, audience="https://vault.azure.net").status_code == 401
    assert requests.post(URL, data=body, timeout=5).status_code == 401
    assert control.telemetry(since=since) == []
    assert send(control, body, url=URL.replace("v2.1", "v9")).status_code == 404
