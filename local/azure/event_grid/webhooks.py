"""The requests that a webhook gets: the handshake of either schema, and events.

Source: Microsoft Learn, "Webhook event delivery", "CloudEvents v1.0 schema with Azure Event Grid" and the headers of
"Event handlers"; the CloudEvents' handshake is that of HTTP 1.1 Web Hooks for Event Delivery 1.0, section 4.
"""

import json
import uuid
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import httpx

from local.azure.core.errors import ServiceFault
from local.azure.event_grid.events import BATCH_OF_CLOUD_EVENTS, CLOUD_EVENT, describe_time, describe_versions
from local.azure.event_grid.models import Delivery, EventSubscription
from local.azure.event_grid.settings import CLOUD_EVENTS

_ORIGIN: Final = "eventgrid.azure.net"
_ALLOWED: Final = frozenset({_ORIGIN, "*"})


async def shake_hands(client: httpx.AsyncClient, subscription: EventSubscription, source: str, now: float) -> None:
    """Have a webhook say that it wants events; raises ServiceFault 400 where it does not."""
    try:
        if subscription.schema == CLOUD_EVENTS:
            agreed = await _ask_by_options(client, subscription)
        else:
            agreed = await _ask_by_event(client, subscription, source, now)
    except httpx.TransportError:
        agreed = False
    if not agreed:
        message = "Webhook validation handshake failed. For troubleshooting, visit https://aka.ms/esvalidation."
        raise ServiceFault(400, "Endpoint validation", message)


async def _ask_by_event(client: httpx.AsyncClient, subscription: EventSubscription, source: str, now: float) -> bool:
    code = str(uuid.uuid4()).upper()
    event = {
        "id": str(uuid.uuid4()),
        "topic": source,
        "subject": "",
        "data": {"validationCode": code},
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "eventTime": describe_time(now),
        "metadataVersion": "1",
        "dataVersion": "2",
    }
    headers = _headers(subscription, "SubscriptionValidation", 0)
    answer = await client.post(subscription.settings.endpoint_url, content=json.dumps([event]), headers=headers)
    try:
        given = answer.json()
    except ValueError:
        return False
    # 202 is no consent.
    return answer.status_code == HTTPStatus.OK and isinstance(given, dict) and given.get("validationResponse") == code


async def _ask_by_options(client: httpx.AsyncClient, subscription: EventSubscription) -> bool:
    headers = {"WebHook-Request-Origin": _ORIGIN, "WebHook-Request-Rate": "120"}
    answer = await client.options(subscription.settings.endpoint_url, headers=headers)
    return answer.status_code == HTTPStatus.OK and answer.headers.get("webhook-allowed-origin") in _ALLOWED


async def send_events(client: httpx.AsyncClient, deliveries: Sequence[Delivery]) -> int:
    """Send events in one request and give the status of the answer; raises httpx.TransportError."""
    first = deliveries[0]
    subscription = first.subscription
    headers = _headers(subscription, "Notification", len(first.attempts))
    events = [delivery.event for delivery in deliveries]
    batch = subscription.settings.max_events_per_batch > 1
    if not batch:
        headers |= describe_versions(first.event)
    single = subscription.schema == CLOUD_EVENTS and not batch
    content = json.dumps(events[0] if single else events)
    answer = await client.post(subscription.settings.endpoint_url, content=content, headers=headers)
    return answer.status_code


def _headers(subscription: EventSubscription, kind: str, count: int) -> dict[str, str]:
    media_type = "application/json"
    if subscription.schema == CLOUD_EVENTS:
        media_type = BATCH_OF_CLOUD_EVENTS if subscription.settings.max_events_per_batch > 1 else CLOUD_EVENT
    return {
        "Content-Type": f"{media_type}; charset=utf-8",
        "aeg-event-type": kind,
        "aeg-subscription-name": subscription.name.upper(),
        "aeg-delivery-count": str(count),
    }
