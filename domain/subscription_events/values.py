"""Reads the values of an event, each of which can be anything.

Nothing here goes deeper than the one value, and no text is looked through before its length is known, so that the work
is bounded by the number of values that are read.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from domain.subscription_events.model import Reason

NOBODYS: Final = "00000000-0000-0000-0000-000000000000"
"""The GUID that stands for no subscription: events of the tenant itself have it."""
LONGEST: Final = 2048
"""How many characters a text may have: an id of an Azure resource has fewer."""
LONGEST_ID: Final = 256
"""How many an event's id may have."""
LONGEST_SHOWN: Final = 200
"""How many are shown to people of a text that proves nothing."""

_GUID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.IGNORECASE | re.ASCII)


class RefusalError(Exception):
    """There is nothing to look at, for this reason."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


def read_members(value: object) -> Mapping[str, Any]:
    """Give the members of an object; what is none has none."""
    return value if isinstance(value, Mapping) else {}


def read_text(value: object, longest: int = LONGEST) -> str:
    """Give a text; what is not there is empty. Raises RefusalError `unknown_shape` or `too_large`."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RefusalError("unknown_shape")
    if len(value) > longest:
        raise RefusalError("too_large")
    return value


def read_id(value: object) -> str:
    """Give an event's id, which must be there and print. Raises RefusalError `unknown_shape` or `too_large`."""
    text = read_text(value, LONGEST_ID)
    if not text or not text.isprintable():
        raise RefusalError("unknown_shape")
    return text


def read_guid(value: object) -> str | None:
    """Give a GUID in lower case; None for what is none, and for the one that stands for nothing."""
    if not isinstance(value, str) or not _GUID.fullmatch(value):
        return None
    lowered = value.lower()
    return None if lowered == NOBODYS else lowered


def read_time(value: object) -> datetime | None:
    """Give a time in UTC; None where there is none. Raises RefusalError `bad_time`."""
    if value is None:
        return None
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise RefusalError("bad_time")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise RefusalError("bad_time") from None


def show(value: object) -> str | None:
    """Give what of a text can be shown: cut, and without what does not print; None for what is no text."""
    if not isinstance(value, str):
        return None
    return "".join(sign for sign in value[:LONGEST] if sign.isprintable())[:LONGEST_SHOWN]
