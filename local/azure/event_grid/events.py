"""Events: read from what is published, completed, and written in another schema."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from local.azure.event_grid.faults import bad_request, not_conforming, requires
from local.azure.event_grid.settings import CLOUD_EVENTS, Schema

type Event = Mapping[str, Any]

# What Event Grid calls the schemas in its refusals.
_NAMES: Final[Mapping[Schema, str]] = {"EventGridSchema": "EventGridEvent", "CloudEventSchemaV1_0": "CloudEventV10"}
# Source: Microsoft Learn, "Azure Event Grid event schema" and "CloudEvents v1.0 schema with Azure Event Grid".
_REQUIRED: Final[Mapping[Schema, Sequence[str]]] = {
    "EventGridSchema": ("id", "subject", "eventType", "eventTime"),
    "CloudEventSchemaV1_0": ("specversion", "type", "source", "id"),
}
BATCH_OF_CLOUD_EVENTS: Final = "application/cloudevents-batch+json"
CLOUD_EVENT: Final = "application/cloudevents+json"
_METADATA_VERSION: Final = "1"
_SPEC_VERSION: Final = "1.0"
_IN_HEADERS: Final = re.compile(r"[!-~]*")


def read_events(schema: Schema, media_type: str, body: bytes, topic_id: str) -> list[Event]:
    """Read what was published to a topic of a schema; raises ServiceFault 400."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise bad_request("Unexpected token when reading JSON.") from None
    many = schema != CLOUD_EVENTS or media_type == BATCH_OF_CLOUD_EVENTS
    if isinstance(document, list) is not many:
        expected, found = ("StartArray", "StartObject") if many else ("StartObject", "StartArray")
        reason = f" Token Expected: {expected}, Actual Token Received: {found}."
        raise not_conforming(_NAMES[schema], reason)
    events = document if many else [document]
    if not events or not all(isinstance(event, dict) for event in events):
        raise not_conforming(_NAMES[schema])
    for event in events:
        _check(schema, event, topic_id)
    return list(events)


def _check(schema: Schema, event: Event, topic_id: str) -> None:
    for member in _REQUIRED[schema]:
        if not isinstance(event.get(member), str) or not event[member]:
            raise requires(_NAMES[schema], "eventType" if member == "type" else member)
    if schema == CLOUD_EVENTS:
        if event["specversion"] != _SPEC_VERSION:
            raise bad_request(f"The property 'specversion' must be '{_SPEC_VERSION}'.")
        _check_time(event, "time")
        return
    _check_time(event, "eventTime")
    if event.get("topic") not in (None, "", topic_id):
        raise bad_request(f"The property 'topic' must be '{topic_id}'.")
    if event.get("metadataVersion") not in (None, "", _METADATA_VERSION):
        raise bad_request(f"The property 'metadataVersion' must be '{_METADATA_VERSION}'.")


def _check_time(event: Event, member: str) -> None:
    try:
        datetime.fromisoformat(event.get(member) or describe_time(0))
    except (TypeError, ValueError):
        raise bad_request(f"The property '{member}' is no date.") from None


def stamp(event: Event, topic_id: str) -> Event:
    """Complete an event of Event Grid's schema by what its publisher may leave out."""
    return {"dataVersion": "", **event, "topic": topic_id, "metadataVersion": _METADATA_VERSION}


def render(event: Event, schema: Schema) -> Event:
    """Write an event in a subscription's schema."""
    if schema != CLOUD_EVENTS or "specversion" in event:
        return event
    return {
        "specversion": _SPEC_VERSION,
        "id": event.get("id"),
        "source": event.get("topic"),
        "type": event.get("eventType"),
        "subject": event.get("subject"),
        "time": event.get("eventTime"),
        "data": event.get("data"),
    }


def describe_versions(event: Event) -> dict[str, str]:
    """Give the headers that tell the versions of an event and of its data, which a CloudEvent does not have.

    One with a value that cannot be a header's is left out (source: Microsoft Learn, "Custom delivery properties").
    """
    versions = {"aeg-metadata-version": event.get("specversion", _METADATA_VERSION)}
    if "specversion" not in event:
        versions["aeg-data-version"] = event.get("dataVersion", "")
    return {name: value for name, value in versions.items() if isinstance(value, str) and _IN_HEADERS.fullmatch(value)}


def describe_time(seconds: float) -> str:
    """Write a time as Event Grid does, to the tenth of a microsecond."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S.%f}0Z"
