"""The activity log of a subscription: who did what to which resource, and how that was answered."""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from local.azure.core.errors import ServiceFault
from local.azure.resource_manager.callers import Caller

# Source: Azure Monitor documentation, activity log: retention period.
_KEPT: Final = timedelta(days=90)
_CONDITION: Final = re.compile(r"\s*(?P<field>\w+)\s+(?P<operator>ge|le|eq)\s+'(?P<text>[^']*)'\s*")
_FIELDS: Final = {
    "eventtimestamp": ("ge", "le"),
    "resourceuri": ("eq",),
    "resourcegroupname": ("eq",),
}


@dataclass
class Activity:
    """One request that changes something, as it was answered."""

    at: datetime
    caller: Caller
    action: str
    scope: str
    status: int
    correlation_id: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def group(self) -> str:
        """The resource group; empty where there is none."""
        parts = self.scope.split("/")
        return parts[4] if len(parts) > 4 else ""


class ActivityLog:
    """The activities of a subscription."""

    def __init__(self) -> None:
        self._activities: list[Activity] = []

    def record(self, activity: Activity) -> None:
        """Write an activity down."""
        self._activities.append(activity)

    def find(self, text: str, now: datetime) -> list[Activity]:
        """Find what a filter asks for, the newest first; raises ServiceFault 400 for one that is not understood."""
        conditions = list(_read_filter(text))
        if not any((name, operator) == ("eventtimestamp", "ge") for name, operator, _ in conditions):
            raise ServiceFault(400, "BadRequest", "The $filter must say from when on: eventTimestamp ge '...'.")
        kept = [activity for activity in self._activities if activity.at > now - _KEPT]
        found = [activity for activity in kept if all(_holds(activity, *condition) for condition in conditions)]
        return found[::-1]


def describe_activity(activity: Activity, subscription_id: str) -> dict[str, Any]:
    """Write an activity as an event."""
    caller, failed = activity.caller, activity.status >= HTTPStatus.BAD_REQUEST
    accepted = activity.status == HTTPStatus.ACCEPTED
    status = "Failed" if failed else "Accepted" if accepted else "Succeeded"
    time = activity.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    ticks = int(activity.at.timestamp() * 10_000_000)
    return {
        "authorization": {"action": activity.action, "scope": activity.scope},
        "caller": caller.username or caller.object_id,
        "claims": {
            "appid": caller.application_id,
            "http://schemas.microsoft.com/identity/claims/objectidentifier": caller.object_id,
        },
        "correlationId": activity.correlation_id,
        "eventDataId": activity.id,
        "eventName": _name("EndRequest"),
        "category": _name("Administrative"),
        "id": f"{activity.scope}/events/{activity.id}/ticks/{ticks}",
        "level": "Error" if failed else "Informational",
        "resourceGroupName": activity.group,
        "resourceProviderName": _name(activity.action.partition("/")[0]),
        "resourceId": activity.scope,
        "resourceType": _name(activity.action.rpartition("/")[0]),
        "operationName": _name(activity.action),
        "properties": {"statusCode": HTTPStatus(activity.status).phrase.replace(" ", "")},
        "status": _name(status),
        "subStatus": _name(HTTPStatus(activity.status).phrase.replace(" ", "")),
        "eventTimestamp": time,
        "submissionTimestamp": time,
        "subscriptionId": subscription_id,
        "tenantId": caller.tenant_id,
    }


def _name(value: str) -> dict[str, str]:
    return {"value": value, "localizedValue": value}


def _read_filter(text: str) -> Iterator[tuple[str, str, str]]:
    for part in re.split(r"\sand\s", text):
        found = _CONDITION.fullmatch(part)
        if found is None or found["operator"] not in _FIELDS.get(found["field"].lower(), ()):
            raise ServiceFault(400, "BadRequest", f"The local Azure does not understand the filter: '{part}'.")
        yield found["field"].lower(), found["operator"], found["text"]


def _holds(activity: Activity, name: str, operator: str, text: str) -> bool:
    if name == "resourceuri":
        return activity.scope.lower() == text.lower()
    if name == "resourcegroupname":
        return activity.group.lower() == text.lower()
    time = _read_time(text)
    return activity.at >= time if operator == "ge" else activity.at <= time


def _read_time(text: str) -> datetime:
    """Read a time; one that names no time zone is UTC."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ServiceFault(400, "BadRequest", f"'{text}' is no time.") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
