"""Whether logs, alerts and a lock can be set up as they are asked for: checked before money is spent."""

from collections.abc import Iterator
from typing import Final

from clients.linked_resources import Linked, require_linked, require_permitted
from domain.handover.request import Handover
from domain.handover.rules import linked_resources_of

_INSIGHTS: Final = "Microsoft.Insights"
_RULES: Final = ("metricAlerts", "activityLogAlerts", "scheduledQueryRules")
_FOR_DIAGNOSTICS: Final = tuple(f"{_INSIGHTS}/diagnosticSettings/{verb}" for verb in ("read", "write"))
_FOR_ALERTS: Final = tuple(f"{_INSIGHTS}/{kind}/{verb}" for kind in _RULES for verb in ("read", "write", "delete"))
_FOR_LOCK: Final = tuple(f"Microsoft.Authorization/locks/{verb}" for verb in ("read", "write", "delete"))
# What Azure asks for on what is written to (source: Azure Monitor documentation, diagnostic settings).
_ON_LINKED: Final = {
    "handover.diagnostics.workspace": (
        "Microsoft.OperationalInsights/workspaces/read",
        "Microsoft.OperationalInsights/workspaces/sharedKeys/action",
    ),
    "handover.diagnostics.storageAccount": (
        "Microsoft.Storage/storageAccounts/read",
        "Microsoft.Storage/storageAccounts/listKeys/action",
    ),
    "handover.diagnostics.eventHubRule": (
        "Microsoft.EventHub/namespaces/authorizationRules/read",
        "Microsoft.EventHub/namespaces/authorizationRules/listKeys/action",
    ),
    "handover.alerts.actionGroup": (f"{_INSIGHTS}/actionGroups/read",),
}


def require_monitoring(subscription_id: str, handover: Handover) -> None:
    """Check what the service is to set up in Azure Monitor, and the lock.

    Raises ServiceError as `require_linked` does.
    """
    require_permitted(f"/subscriptions/{subscription_id}", list(_list_actions(handover)))
    require_linked(
        # What holds for a rule of Event Hubs is what holds for its namespace.
        Linked(field, resource, _ON_LINKED[field], "/".join(resource.split("/")[:9]))
        for field, resource in linked_resources_of(handover)
        if field in _ON_LINKED
    )


def _list_actions(handover: Handover) -> Iterator[str]:
    if handover.diagnostics:
        yield from _FOR_DIAGNOSTICS
    if handover.alerts:
        yield from _FOR_ALERTS
    if handover.lock:
        yield from _FOR_LOCK
