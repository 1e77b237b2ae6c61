"""Which events a subscription gets.

Source: Microsoft Learn, "Understand event filtering for Event Grid subscriptions". Advanced filters do not look at the
case of letters; a key that is not there matches nothing.
"""

from collections.abc import Mapping
from typing import Any

from local.azure.event_grid.settings import AdvancedFilter, Filter


def matches(wanted: Filter, event: Mapping[str, Any]) -> bool:
    """Say whether a subscription gets an event, of either schema."""
    kind = event.get("eventType", event.get("type"))
    if wanted.included_event_types is not None and kind not in wanted.included_event_types:
        return False
    return _matches_subject(wanted, str(event.get("subject", ""))) and all(
        _matches_advanced(advanced, event) for advanced in wanted.advanced_filters
    )


def _matches_subject(wanted: Filter, subject: str) -> bool:
    begin, end = wanted.subject_begins_with, wanted.subject_ends_with
    if not wanted.is_subject_case_sensitive:
        begin, end, subject = begin.lower(), end.lower(), subject.lower()
    return subject.startswith(begin) and subject.endswith(end)


def _matches_advanced(wanted: AdvancedFilter, event: Mapping[str, Any]) -> bool:
    value: Any = event
    for part in wanted.key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if not isinstance(value, str):
        return False
    values = [text.lower() for text in wanted.values]
    if wanted.operator_type == "StringIn":
        return value.lower() in values
    return value.lower().startswith(tuple(values))
