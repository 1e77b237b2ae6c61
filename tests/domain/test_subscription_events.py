"""Every shape of event becomes a subscription to look at, or a refusal that says why; and whatever comes, nothing else.

`subscription_events/` holds events as Microsoft's documents show them, with what is to become of each.
"""

import json
import re
import time
from collections import Counter
from datetime import UTC
from pathlib import Path
from typing import Any, Final, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.subscription_events.model import EventKind, Reason, RefusedEvent, SubscriptionEvent
from domain.subscription_events.normalise import MOST_RECORDS, Result, normalise_event

FILES: Final = sorted((Path(__file__).parent / "subscription_events").glob("*.json"))
CASES: Final = [(file.stem, case) for file in FILES for case in json.loads(file.read_text())]
EVENTS: Final[list[Any]] = [case["event"] for _, case in CASES]
GUID: Final = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")
ANOTHER: Final = "7d7e9c74-8b2a-4f5c-9c79-2e4a0b6f8d32"
FORGED: Final = "forged-by-whoever-could-send-an-event"
# What people read of an event: its type, its id and where it comes from.
ENVELOPE: Final = frozenset(
    {
        "id",
        "source",
        "topic",
        "type",
        "eventType",
        "resourceId",
        "operationName",
        "value",
        "eventDataId",
        "correlationId",
    }
)


@pytest.mark.parametrize(("file", "case"), CASES, ids=lambda part: part if isinstance(part, str) else part["name"])
def test_an_event_becomes_what_it_says(file: str, case: dict[str, Any]) -> None:
    assert [json.loads(result.to_json()) for result in normalise_event(case["event"])] == case["results"], file


def test_the_cases_have_every_kind_and_reason() -> None:
    found = Counter(result.get("kind") or result["reason"] for _, case in CASES for result in case["results"])
    # What is too large is in no file, but below.
    assert set(found) == {*get_args(EventKind), *get_args(Reason)} - {"too_large"}
    assert min(found[kind] for kind in get_args(EventKind)) >= 5


def test_what_nobody_need_look_at_is_ignored_and_all_else_refused() -> None:
    ignored = {reason for reason in get_args(Reason) if RefusedEvent(reason=reason).ignored}
    assert ignored == {"not_about_a_subscription", "deletion", "failed_operation", "unfinished_operation"}


def test_a_message_with_too_many_records_is_read_to_the_limit() -> None:
    record = next(event for event in EVENTS if "resultType" in event)
    results = normalise_event({"records": [record] * (MOST_RECORDS + 1)})
    assert [isinstance(result, SubscriptionEvent) for result in results] == [True] * MOST_RECORDS + [False]
    assert results[-1] == RefusedEvent(reason="too_large")
    assert len(normalise_event({"records": [record] * MOST_RECORDS})) == MOST_RECORDS


def test_what_is_shown_of_a_refused_event_is_short_and_prints() -> None:
    text = "\0\x1b[2J\u202e\ud800" + "x" * 1_000_000
    (refused,) = normalise_event({"specversion": "1.0", "type": "a.b", "id": text, "source": text})
    cut = f"[2J{'x' * 197}"
    assert refused == RefusedEvent(reason="unknown_type", event_type="a.b", event_id=cut, source=cut)


def nested(depth: int) -> Any:
    value: Any = "deep"
    for _ in range(depth):
        value = {"records": [value], "data": value}
    return value


HUGE: Final[dict[str, Any]] = {
    "text": "x" * 10_000_000,
    "slashes": "/" * 10_000_000,
    "dots": "a." * 5_000_000,
    "subscriptions": "/subscriptions/" * 600_000,
    "just short enough": "/subscriptions/" + "a." * 1000,
    "deep": nested(100_000),
    "wide": dict.fromkeys(map(str, range(1_000_000))),
    "long": [{}] * 1_000_000,
}


@pytest.mark.parametrize("value", HUGE.values(), ids=HUGE)
def test_what_is_huge_is_told_soon(value: Any) -> None:
    events = [value, {"records": value}]
    for event in EVENTS:
        events += [{**event, name: value} for name in event]
        if isinstance(event.get("data"), dict):
            events += [{**event, "data": {**event["data"], name: value}} for name in event["data"]]
    started = time.process_time()
    for event in events:
        require_sound(normalise_event(event))
    assert time.process_time() - started < 5


TEXTS: Final = st.text(max_size=30) | st.sampled_from(
    [
        *("", "\0", "\ud800", "/subscriptions/", "/subscriptions//", "1.0", "x" * 3000, "\u212aeyVault"),
        *("2026-13-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-11-24T08:15:60Z"),
        *(f"/subscriptions/{ANOTHER}", ANOTHER, ANOTHER.upper(), f"{{{ANOTHER}}}", f"{ANOTHER}\n"),
        ANOTHER.replace("-", ""),
    ]
)
JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(TEXTS, children, max_size=4),
    max_leaves=12,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place of a document: what holds it, and under which name or number."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for name, child in children for place in [(value, name), *places(child)]]


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """Draw an event of which some members were dropped, swapped, retyped, renamed or put where others belong."""
    event = json.loads(json.dumps(draw(st.sampled_from(EVENTS))))
    for _ in range(draw(st.integers(1, 4))):
        found = places(event)
        if not found:
            break
        holder, name = draw(st.sampled_from(found))
        match draw(st.sampled_from(["drop", "swap", "retype", "rename"])):
            case "drop":
                del holder[name]
            case "swap":
                other, its_name = draw(st.sampled_from(found))
                holder[name] = json.loads(json.dumps(other[its_name]))
            case "retype":
                holder[name] = draw(JSON)
            case "rename" if isinstance(holder, dict):
                holder[draw(st.sampled_from(["subject", "data", "type", "records"]) | TEXTS)] = holder.pop(name)
    return event


def require_sound(results: list[Result]) -> None:
    for result in results:
        json.loads(result.to_json())
        shown = [text for text in result.model_dump().values() if isinstance(text, str)]
        assert all(len(text) <= 256 and text.isprintable() for text in shown)
        if isinstance(result, RefusedEvent):
            assert result.reason in get_args(Reason)
            continue
        assert GUID.fullmatch(result.subscription_id)
        assert result.occurred_at is None or result.occurred_at.tzinfo == UTC


def texts_of(value: Any) -> list[str]:
    return [child for holder, name in places([value]) if isinstance(child := holder[name], str)]


@settings(derandomize=True, max_examples=3000)
@given(event=mutated())
def test_a_changed_event_names_its_subscription_or_is_refused(event: Any) -> None:
    results = normalise_event(event)
    require_sound(results)
    texts = "\n".join(texts_of(event)).lower()
    assert all(result.subscription_id in texts for result in results if isinstance(result, SubscriptionEvent))


@settings(derandomize=True, max_examples=500)
@given(event=JSON)
def test_any_json_is_refused(event: Any) -> None:
    results = normalise_event(event)
    require_sound(results)
    assert not any(isinstance(result, SubscriptionEvent) for result in results)


@settings(derandomize=True, max_examples=1000)
@given(data=st.data())
def test_nothing_else_that_an_event_says_is_carried_on(data: st.DataObject) -> None:
    """Whatever was planted beside an event's envelope changes nothing but where it is looked, and is seen nowhere."""
    event = json.loads(json.dumps(data.draw(st.sampled_from(EVENTS))))
    before = normalise_event(event)
    holders = [event, *(holder[name] for holder, name in places(event) if isinstance(holder[name], dict))]
    for holder in holders:
        unread = [name for name in holder if name not in ENVELOPE and isinstance(holder[name], str | dict)]
        for name in data.draw(st.lists(st.sampled_from([*unread, FORGED]), max_size=3)):
            holder[name] = {"tenantId": FORGED, "tags": {FORGED: FORGED}} if name in ("hsm", "tags") else FORGED
    results = normalise_event(event)
    assert FORGED not in "".join(result.to_json() for result in results)
    for was, result in zip(before, results, strict=False):
        if isinstance(was, SubscriptionEvent) and isinstance(result, SubscriptionEvent):
            assert result.subscription_id == was.subscription_id


def test_overrides_tenants_and_tags_leave_an_event_as_it_is() -> None:
    for event in EVENTS:
        if not isinstance(event.get("data"), dict):
            continue
        more: dict[str, Any] = {
            "tenantId": FORGED,
            "managementGroupId": FORGED,
            "tags": {"hsm": FORGED},
            "hsm": {"sku": FORGED},
        }
        more |= {"claims": {"name": FORGED}, "requestedBy": FORGED, "environment": FORGED, "approved": True}
        assert normalise_event({**event, "data": {**event["data"], **more}}) == normalise_event(event)
