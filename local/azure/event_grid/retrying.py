"""When a delivery that failed is tried again, and when no more.

Source: Microsoft Learn, "Event Grid message delivery and retry", for webhooks.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

from local.azure.event_grid.models import Attempt
from local.azure.event_grid.settings import RetryPolicy

SUCCESS: Final = "Success"
TIMED_OUT: Final = "TimedOut"
SOCKET_ERROR: Final = "SocketError"
# Looked at only when the next attempt is due.
EXPIRED: Final = "TimeToLiveExceeded"
_SCHEDULE: Final = (10, 30, 60, 300, 600, 1800, 3600, 10800, 21600)
_AFTER_SCHEDULE: Final = 43200
_LEAST: Final[Mapping[int | None, int]] = {HTTPStatus.REQUEST_TIMEOUT: 120, HTTPStatus.SERVICE_UNAVAILABLE: 30}
_NEVER_AGAIN: Final[Mapping[int | None, str]] = {
    HTTPStatus.BAD_REQUEST: "BadRequest",
    HTTPStatus.UNAUTHORIZED: "Unauthorized",
    HTTPStatus.FORBIDDEN: "Forbidden",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "RequestEntityTooLarge",
}
_OUTCOMES: Final[Mapping[int, str]] = {
    HTTPStatus.BAD_REQUEST: "BadRequest",
    HTTPStatus.UNAUTHORIZED: "Unauthorized",
    HTTPStatus.FORBIDDEN: "Forbidden",
    HTTPStatus.NOT_FOUND: "NotFound",
    HTTPStatus.REQUEST_TIMEOUT: TIMED_OUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "PayloadTooLarge",
    HTTPStatus.SERVICE_UNAVAILABLE: "Busy",
}


def name_outcome(status: int) -> str:
    """Name how a delivery ended: only 200 to 204 acknowledge it."""
    if HTTPStatus.OK <= status <= HTTPStatus.NO_CONTENT:
        return SUCCESS
    return _OUTCOMES.get(status, "GenericError")


def find_reason_to_end(attempts: Sequence[Attempt], policy: RetryPolicy) -> str | None:
    """Say why a delivery that failed is not tried again, if it is not."""
    status = attempts[-1].status
    if status in _NEVER_AGAIN:
        return f"UndeliverableDueToHttp{_NEVER_AGAIN[status]}"
    return "MaxDeliveryAttemptsExceeded" if len(attempts) >= policy.max_delivery_attempts else None


def find_pause(attempts: Sequence[Attempt]) -> int:
    """Give the seconds from the last attempt until the next one."""
    number = len(attempts)
    pause = _SCHEDULE[number - 1] if number <= len(_SCHEDULE) else _AFTER_SCHEDULE
    return max(pause, _LEAST.get(attempts[-1].status, 0))
