"""Events that came, and what became of the subscriptions that they name.

Container `hsm-records`: `events/{day}/{hash}`, each event once on the day when it came; `onboarding/{subscription}`,
the last look at a subscription.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Final, NamedTuple

from pydantic import ValidationError

from clients.archive import RECORDS
from clients.azure_errors import unreadable
from clients.blobs import create_blob, find_blob, replace_blob
from domain.errors import ServiceError, service_error
from domain.onboarding import Conclusion, EventRecord, Onboarding
from domain.subscription_events.model import SubscriptionEvent

_ATTEMPTS: Final = 4


class HeldOnboarding(NamedTuple):
    """The last look at a subscription, and the ETag under which it may be changed."""

    onboarding: Onboarding
    etag: str


def note_event(record: EventRecord, content: str) -> None:
    """Record an event; one that came before, on the same day, is recorded already."""
    path = f"events/{record.received_at:%Y-%m-%d}/{_identify(record, content)}"
    create_blob(RECORDS, path, record.to_json().encode())


def _identify(record: EventRecord, content: str) -> str:
    """Name an event by what its sender calls it; what cannot be read is known by nothing but what it is."""
    text = content
    if len(record.results) == 1 and isinstance(event := record.results[0], SubscriptionEvent):
        text = json.dumps([event.source, event.event_id])
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def find_onboarding(subscription_id: str) -> HeldOnboarding | None:
    """Read the last look at a subscription."""
    blob = find_blob(RECORDS, _path(subscription_id))
    if blob is None:
        return None
    try:
        return HeldOnboarding(Onboarding.model_validate_json(blob.content), blob.etag)
    except ValidationError:
        raise unreadable("read a record") from None


def ask_to_look(subscription_id: str) -> bool:
    """Ask for a look at a subscription; True where one was asked for already that has come to no conclusion yet.

    Whoever looks concludes under the ETag that it began with: where that has changed, it looks again.
    """
    asked = Onboarding(subscription_id=subscription_id, asked_at=datetime.now(UTC))
    held = find_onboarding(subscription_id)
    for _ in range(_ATTEMPTS):
        open_already = held is not None and held.onboarding.conclusion is None
        if _write(asked, held.etag if held else ""):
            return open_already
        held = find_onboarding(subscription_id)
        if held is not None and held.onboarding.conclusion is None:
            # Asked by another event, after this one had come.
            return True
    raise _contested()


def conclude(subscription_id: str, seen: str, conclusion: Conclusion) -> bool:
    """Record what was decided; False where another event came since the look began, so that another must be had."""
    held = find_onboarding(subscription_id)
    # Idempotent: the activity that wrote it may have died before it could say so.
    if held is not None and held.onboarding.conclusion == conclusion:
        return True
    if (held.etag if held else "") != seen:
        return False
    now = datetime.now(UTC)
    asked_at = held.onboarding.asked_at if held else now
    concluded = Onboarding(subscription_id=subscription_id, asked_at=asked_at, concluded_at=now, conclusion=conclusion)
    return _write(concluded, seen)


def _write(onboarding: Onboarding, etag: str) -> bool:
    path, content = _path(onboarding.subscription_id), onboarding.to_json().encode()
    written = replace_blob(RECORDS, path, content, etag) if etag else create_blob(RECORDS, path, content)
    return written is not None


def _path(subscription_id: str) -> str:
    return f"onboarding/{subscription_id}"


def _contested() -> ServiceError:
    return service_error(
        "record_changed", "The record was changed meanwhile.", advice="It is tried again.", retryable=True
    )
