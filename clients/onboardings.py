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
from clients.blob_lists import list_with_metadata
from clients.blobs import create_blob, find_blob, replace_blob
from domain.errors import ServiceError, service_error
from domain.onboarding import Conclusion, EventRecord, Onboarding
from domain.subscription_events.model import SubscriptionEvent

_ATTEMPTS: Final = 4
_FOLDER: Final = "onboarding/"


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


def list_looks() -> dict[str, datetime]:
    """List when each subscription was looked at last, or a look at it was asked for."""
    blobs = list_with_metadata(RECORDS, _FOLDER)
    return {blob.path.removeprefix(_FOLDER).lower(): blob.modified_at for blob in blobs}


def ask_to_look(subscription_id: str) -> bool:
    """Ask for a look at a subscription; True where one was asked for already that has come to no conclusion yet.

    Whoever looks concludes under the ETag that it began with: where that has changed, it looks again.
    """
    now = datetime.now(UTC)
    held = find_onboarding(subscription_id)
    for _ in range(_ATTEMPTS):
        open_already = held is not None and held.onboarding.conclusion is None
        before = (held.onboarding.conclusion or held.onboarding.before) if held else None
        if _write(Onboarding(subscription_id=subscription_id, asked_at=now, before=before), held.etag if held else ""):
            return open_already
        held = find_onboarding(subscription_id)
        if held is not None and held.onboarding.conclusion is None:
            # Asked by another event, after this one had come.
            return True
    raise _contested()


def conclude(subscription_id: str, held: HeldOnboarding | None, conclusion: Conclusion) -> bool:
    """Record what was decided; False where another event came since it was read, so that another look must be had."""
    now = datetime.now(UTC)
    asked = held.onboarding if held else Onboarding(subscription_id=subscription_id, asked_at=now)
    concluded = asked.model_copy(update={"concluded_at": now, "conclusion": conclusion})
    return _write(concluded, held.etag if held else "")


def _write(onboarding: Onboarding, etag: str) -> bool:
    path, content = _path(onboarding.subscription_id), onboarding.to_json().encode()
    written = replace_blob(RECORDS, path, content, etag) if etag else create_blob(RECORDS, path, content)
    return written is not None


def _path(subscription_id: str) -> str:
    return f"{_FOLDER}{subscription_id}"


def _contested() -> ServiceError:
    return service_error(
        "record_changed", "The record was changed meanwhile.", advice="It is tried again.", retryable=True
    )
