"""The events that are to be published: kept until the topic has taken them, so that each arrives at least once.

In the container of the records, `outbox/{id}`. Whoever makes true what an event tells of keeps the event first, in the
same activity: killed between the two, the activity runs again, and keeps the same event under the same id. It is
published beside the activity, in a thread that nobody waits for; what that misses a schedule publishes. Nothing that
becomes of the topic reaches an operation.
"""

import logging
import threading
import time
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from typing import Final

from clients.archive import RECORDS
from clients.blobs import create_blob, delete_blob, find_blob, iterate_blobs
from clients.event_publisher import publish
from domain.errors import ServiceError, describe_unexpected
from domain.published_events.model import PublishedEvent, read_event
from domain.settings import settings

_log = logging.getLogger("hsm_provisioner.events")
_OUTBOX: Final = "outbox/"
# What nobody could be told of for so long is no news; the outbox cannot grow for ever.
KEPT_FOR: Final = timedelta(days=7)
# Less than the pause between two runs of the schedule.
_LONGEST_RUN_SECONDS: Final = 120.0
_AT_ONCE: Final = 4
_places: Final = threading.BoundedSemaphore(_AT_ONCE)
# What the topic answers to this event and would not to another one.
_REFUSED: Final = "azure_refused"


def keep(event: PublishedEvent) -> None:
    """Keep an event to be published; one that is kept already stays as it is."""
    create_blob(RECORDS, f"{_OUTBOX}{event.id}", event.to_json().encode())


def publish_soon(event_id: str) -> None:
    """Publish a kept event beside what is done here; where that fails, the schedule does."""
    if not _places.acquire(blocking=False):
        return
    context = copy_context()
    # A thread that nobody waits for when the process ends, unlike an executor's.
    threading.Thread(target=context.run, args=(_publish_beside, f"{_OUTBOX}{event_id}"), daemon=True).start()


def _publish_beside(path: str) -> None:
    try:
        _publish(path)
    except Exception as error:  # noqa: BLE001 - whatever it is, the event is kept
        _log_failure(path, error)
    finally:
        _places.release()


def publish_kept() -> None:
    """Publish what is kept, and forget what is no news any more.

    A topic that takes nothing is asked once; the rest stays for the next time.
    """
    takes = True
    until = time.monotonic() + _LONGEST_RUN_SECONDS
    for path in list(iterate_blobs(RECORDS, _OUTBOX)):
        if time.monotonic() >= until:
            return
        try:
            _publish(path, takes=takes)
        except ServiceError as error:
            _log_failure(path, error)
            takes = takes and error.detail.code == _REFUSED


def _publish(path: str, *, takes: bool = True) -> None:
    """Publish a kept event where the topic takes any, and forget it then; what is no news is forgotten only."""
    blob, topic = find_blob(RECORDS, path), settings().events_topic
    if blob is None:
        return
    event = _read(path, blob.content)
    if event is not None:
        if topic is None or not takes:
            return
        publish(topic, event)
    # Killed before, it is published again, with the same id.
    delete_blob(RECORDS, path)


def _read(path: str, content: bytes) -> PublishedEvent | None:
    name = path.removeprefix(_OUTBOX)
    try:
        event = read_event(content)
    except (ValueError, KeyError, TypeError):
        _log.warning("the event %s cannot be read, and is not published", name)
        return None
    if datetime.now(UTC) - event.time < KEPT_FOR:
        return event
    _log.warning("the event %s could not be published for %s days, and is not any more", name, KEPT_FOR.days)
    return None


def _log_failure(path: str, error: Exception) -> None:
    described = str(error) if isinstance(error, ServiceError) else describe_unexpected(error)
    _log.warning("the event %s could not be published; it is kept: %s", path.removeprefix(_OUTBOX), described)
