"""What becomes of an event that could not be delivered: an array of events in a blob, where a subscription wants that.

Source: Microsoft Learn, "Event Grid message delivery and retry" and "Set dead-letter location and retry policy". That
the last status is told, too, is seen in an answer on Stack Overflow (52173869).
"""

import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from local.azure.blob_storage.azurite import ACCOUNT_HOST
from local.azure.event_grid.events import describe_time
from local.azure.event_grid.models import Delivery
from local.azure.managed_hsm.storage import BackupStorage, Container

# Between the last attempt and the blob.
DELAY_SECONDS: Final = 300
_IDENTITY: Final = str(uuid.uuid4())


async def write_dead_letter(
    storage: BackupStorage, container: str, deliveries: Sequence[Delivery], reason: str, now: float
) -> str:
    """Write a blob and give its name, in which the subscription's is in capitals; raises StorageFailureError."""
    date = datetime.fromtimestamp(now, UTC)
    subscription = deliveries[0].subscription.name.upper()
    name = f"{subscription}/{date.year}/{date.month}/{date.day}/{date.hour}/{uuid.uuid4()}.json"
    letters = [_describe(delivery, reason) for delivery in deliveries]
    await storage.write(Container(ACCOUNT_HOST, container, _IDENTITY), name, json.dumps(letters).encode())
    return name


def _describe(delivery: Delivery, reason: str) -> dict[str, Any]:
    last = delivery.attempts[-1]
    why = {
        "deadLetterReason": reason,
        "deliveryAttempts": len(delivery.attempts),
        "lastDeliveryOutcome": last.outcome,
        "lastHttpStatusCode": last.status,
        "publishTime": describe_time(delivery.published),
        "lastDeliveryAttemptTime": describe_time(last.time),
    }
    known = {name: value for name, value in why.items() if value is not None}
    if "specversion" in delivery.event:
        # The names of a CloudEvent's attributes are in small letters.
        known = {name.lower(): value for name, value in known.items()}
    return {**delivery.event, **known}
