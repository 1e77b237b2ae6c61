"""Alert rules: on metrics of HSMs, on the activity log, and on what a query finds in a workspace."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final

from local.azure.core.errors import ServiceFault
from local.azure.resource_manager.monitor.bodies import (
    ActivityAlertProperties,
    MetricAlertProperties,
    QueryRuleProperties,
)
from local.azure.resource_manager.monitor.targets import ActionGroup, Workspace
from local.azure.resource_manager.neighbours import Neighbour, Neighbours

if TYPE_CHECKING:
    from local.azure.resource_manager.models import ResourceManager

# Source: Azure Monitor's reference of metrics, Microsoft.KeyVault/managedHSMs.
METRICS: Final = ("Availability", "ServiceApiHit", "ServiceApiLatency")
_NAMESPACE: Final = "Microsoft.KeyVault/managedHSMs"
# Source: the models of azure-mgmt-monitor, criteria of metric alerts.
_CRITERIA: Final = tuple(
    f"Microsoft.Azure.Monitor.{number}ResourceMultipleMetricCriteria" for number in ("Single", "Multiple")
)
_DURATION: Final = re.compile(r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?)?")
# Source: Microsoft's documentation, how to create metric alerts and log search alerts.
_METRIC_FREQUENCIES: Final = ("PT1M", "PT5M", "PT15M", "PT30M", "PT1H")
_METRIC_WINDOWS: Final = (*_METRIC_FREQUENCIES, "PT6H", "PT12H", "P1D")
_QUERY_FREQUENCIES: Final = (
    *(f"PT{minutes}M" for minutes in (1, 5, 10, 15, 30, 45)),
    *(f"PT{hours}H" for hours in range(1, 7)),
    "P1D",
)
_QUERY_WINDOWS: Final = (*_QUERY_FREQUENCIES, "P2D")


@dataclass(kw_only=True)
class AlertRule(Neighbour):
    """An alert rule, with its properties as they were written."""

    properties: dict[str, Any]

    def describe(self) -> dict[str, Any]:
        """Write it."""
        return {**self.describe_head(), "properties": self.properties}


class MetricAlert(AlertRule):
    """A rule on metrics."""

    kind: ClassVar[str] = "Microsoft.Insights/metricAlerts"


class ActivityLogAlert(AlertRule):
    """A rule on the activity log."""

    kind: ClassVar[str] = "Microsoft.Insights/activityLogAlerts"


class ScheduledQueryRule(AlertRule):
    """A rule on what a query finds."""

    kind: ClassVar[str] = "Microsoft.Insights/scheduledQueryRules"


def check_metric_alert(manager: "ResourceManager", subscription_id: str, asked: MetricAlertProperties) -> None:
    """Refuse a rule on what is no HSM, on a metric that HSMs do not have, or at other times; raises ServiceFault 400.

    The words for a metric are from Azure/azure-powershell issue 15086.
    """
    for scope in asked.scopes:
        if manager.find_by_id(scope) is None:
            raise _bad_request(f"Scope '{scope}' is invalid: there is no such Managed HSM.")
    if asked.criteria.type not in _CRITERIA:
        raise _bad_request(f"The criteria type '{asked.criteria.type}' is not supported.")
    names = {name.lower() for name in METRICS}
    for criterion in asked.criteria.all_of:
        if (criterion.metric_namespace or _NAMESPACE).lower() != _NAMESPACE.lower():
            raise _bad_request(f"The metric namespace '{criterion.metric_namespace}' is not supported.")
        if criterion.metric_name.lower() not in names and not criterion.skip_metric_validation:
            raise _bad_request(f"Couldn't find a metric named {criterion.metric_name}. Make sure the name is correct.")
    _check_times(asked.evaluation_frequency, _METRIC_FREQUENCIES, asked.window_size, _METRIC_WINDOWS)
    _require_action_groups(manager.neighbours, subscription_id, [action.action_group_id for action in asked.actions])


def check_activity_alert(manager: "ResourceManager", subscription_id: str, asked: ActivityAlertProperties) -> None:
    """Refuse a rule on another subscription, or one that names no category; raises ServiceFault 400."""
    inside = f"/subscriptions/{subscription_id}/".lower()
    for scope in asked.scopes:
        if not f"{scope}/".lower().startswith(inside):
            raise _bad_request(f"Scope '{scope}' is not in the subscription of the alert rule.")
    if not any((condition.field or "").lower() == "category" for condition in asked.condition.all_of):
        raise _bad_request("The condition must have a field 'category'.")
    groups = [action.action_group_id for action in asked.actions.action_groups]
    _require_action_groups(manager.neighbours, subscription_id, groups)


def check_query_rule(
    manager: "ResourceManager", subscription_id: str, location: str, asked: QueryRuleProperties
) -> None:
    """Refuse a rule on what is no workspace in its region, or at other times; raises ServiceFault 400."""
    (scope,) = asked.scopes
    workspace = manager.neighbours.find(Workspace, scope)
    if workspace is None:
        raise _bad_request(f"Scope '{scope}' is invalid: there is no such workspace.")
    if workspace.location != location:
        raise _bad_request(f"The alert rule must be in the region of its scope, {workspace.location}.")
    (criterion,) = asked.criteria.all_of
    if (criterion.time_aggregation == "Count") == bool(criterion.metric_measure_column):
        raise _bad_request("metricMeasureColumn is for every timeAggregation but Count.")
    _check_times(asked.evaluation_frequency, _QUERY_FREQUENCIES, asked.window_size, _QUERY_WINDOWS)
    _require_action_groups(manager.neighbours, subscription_id, asked.actions.action_groups)


def _check_times(frequency: str, frequencies: tuple[str, ...], window: str, windows: tuple[str, ...]) -> None:
    if frequency not in frequencies:
        raise _bad_request(f"evaluationFrequency '{frequency}' is not one of {', '.join(frequencies)}.")
    if window not in windows:
        raise _bad_request(f"windowSize '{window}' is not one of {', '.join(windows)}.")
    if _read_duration(frequency) > _read_duration(window):
        raise _bad_request("evaluationFrequency must not be longer than windowSize.")


def _read_duration(text: str) -> timedelta:
    found = _DURATION.fullmatch(text)
    parts = found.groupdict(default="0") if found else {}
    return timedelta(**{name: int(number) for name, number in parts.items()})


def _require_action_groups(neighbours: Neighbours, subscription_id: str, identifiers: list[str]) -> None:
    """Refuse action groups that are not there (source: Azure/azure-powershell issue 11102); raises ServiceFault 400."""
    inside = f"/subscriptions/{subscription_id}/".lower()
    for identifier in identifiers:
        if neighbours.find(ActionGroup, identifier) is None or not identifier.lower().startswith(inside):
            raise _bad_request(f"Arm resource {identifier} is invalid or in a different subscription as alert rule.")


def _bad_request(message: str) -> ServiceFault:
    return ServiceFault(400, "BadRequest", message)
