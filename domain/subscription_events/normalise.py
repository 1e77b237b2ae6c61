"""Makes one model of every shape of event."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from domain.subscription_events.event_types import find_kind, require_done
from domain.subscription_events.model import RefusedEvent, SubscriptionEvent
from domain.subscription_events.places import find_subscription, require_about_subscription
from domain.subscription_events.values import (
    RefusalError,
    read_guid,
    read_id,
    read_members,
    read_text,
    read_time,
    show,
)

MOST_RECORDS: Final = 1000
"""How many records of one message are read: an Event Hub takes messages of up to 1 MB, which hold fewer."""

Result = SubscriptionEvent | RefusedEvent
_Members = Mapping[str, Any]


class _Head(NamedTuple):
    """What every event says of itself, wherever its shape has it."""

    type: object
    id: object
    source: object
    time: object


_Reader = Callable[[_Members, _Head], SubscriptionEvent]


def normalise_event(event: object) -> list[Result]:
    """Read an event, which may be any JSON value: where to look, or why not. Never raises.

    A message of the activity log gives one result for each of its records, in their order; where it has more than
    `MOST_RECORDS`, the last result is a refusal, `too_large`, for the rest.
    """
    message = read_members(event)
    if "records" not in message or "specversion" in message or "eventType" in message:
        return [_normalise_one(message)]
    records = message["records"]
    if not isinstance(records, list):
        return [RefusedEvent(reason="unknown_shape")]
    rest = [RefusedEvent(reason="too_large")] if len(records) > MOST_RECORDS else []
    return [*(_normalise_one(read_members(record)) for record in records[:MOST_RECORDS]), *rest]


def _normalise_one(event: _Members) -> Result:
    read: _Reader
    if "specversion" in event:
        read, head = _read_cloud_event, _find_head(event, "type", "id", "source", "time")
    elif "eventType" in event:
        read, head = _read_envelope, _find_head(event, "eventType", "id", "topic", "eventTime")
    elif "operationName" in event:
        read, head = _read_record, _find_head_of_record(event)
    else:
        return RefusedEvent(reason="unknown_shape")
    try:
        return read(event, head)
    except RefusalError as refusal:
        return RefusedEvent(
            reason=refusal.reason, event_type=show(head.type), event_id=show(head.id), source=show(head.source)
        )


def _find_head(event: _Members, *names: str) -> _Head:
    return _Head(*(event.get(name) for name in names))


def _find_head_of_record(record: _Members) -> _Head:
    """Find it where REST has it, or where an Event Hub does, which has no id but that of the whole operation."""
    return _Head(
        type=_find_word(record["operationName"]),
        id=record["eventDataId"] if "eventDataId" in record else record.get("correlationId"),
        source=record.get("resourceId"),
        time=record["eventTimestamp"] if "eventTimestamp" in record else record.get("time"),
    )


def _read_cloud_event(event: _Members, head: _Head) -> SubscriptionEvent:
    if event["specversion"] != "1.0":
        raise RefusalError("unknown_shape")
    return _read_envelope(event, head)


def _read_envelope(event: _Members, head: _Head) -> SubscriptionEvent:
    kind = find_kind(read_text(head.type))
    data = read_members(event.get("data"))
    paths = [event.get("subject"), data.get("resourceUri"), read_members(data.get("resourceInfo")).get("id")]
    if kind == "subscription_created":
        # It comes from a topic that lies in a subscription of the platform's own.
        subscription_id = find_subscription([data.get("subscriptionId")], paths)
    else:
        subscription_id = find_subscription([data.get("subscriptionId")], [head.source, *paths])
        require_about_subscription(paths)
    # Azure Policy's events are in order by when it evaluated, not by when it told.
    evaluated = data.get("timestamp") if kind == "policy_state" else None
    return SubscriptionEvent(
        event_id=read_id(head.id),
        source=_describe_source(head),
        kind=kind,
        subscription_id=subscription_id,
        occurred_at=read_time(head.time if evaluated is None else evaluated),
        correlation_id=read_guid(data.get("correlationId")),
    )


def _read_record(record: _Members, head: _Head) -> SubscriptionEvent:
    """Read a record of the activity log; over REST its words are in objects, beside their translations."""
    status = record["resultType"] if "resultType" in record else _find_word(record.get("status"))
    require_done(read_text(head.type), read_text(status))
    subscription_id = find_subscription([record.get("subscriptionId")], [head.source])
    require_about_subscription([head.source])
    return SubscriptionEvent(
        event_id=read_id(head.id),
        source=_describe_source(head),
        kind="activity_log_record",
        subscription_id=subscription_id,
        occurred_at=read_time(head.time),
        correlation_id=read_guid(record.get("correlationId")),
    )


def _describe_source(head: _Head) -> str:
    return show(read_text(head.source)) or ""


def _find_word(word: object) -> object:
    return word.get("value") if isinstance(word, Mapping) else word
