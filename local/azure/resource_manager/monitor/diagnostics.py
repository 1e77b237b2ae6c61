"""Diagnostic settings: which logs and metrics of an HSM go where."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from local.azure.core.errors import ServiceFault
from local.azure.resource_manager.monitor.bodies import DiagnosticProperties
from local.azure.resource_manager.neighbours import Neighbour, Neighbours

# Source: Microsoft's documentation, Managed HSM logging, and Azure Monitor, limits of diagnostic settings.
CATEGORIES: Final = {"AuditEvent": ("audit", "allLogs")}
METRICS: Final = "AllMetrics"
_LIMIT: Final = 5


@dataclass(kw_only=True)
class DiagnosticSetting(Neighbour):
    """A diagnostic setting; it is an extension of its resource, and outlives that."""

    kind: ClassVar[str] = "Microsoft.Insights/diagnosticSettings"
    outlives: ClassVar[bool] = True

    properties: DiagnosticProperties

    @property
    def is_listed(self) -> bool:
        """A list of all resources does not have it."""
        return False

    def describe(self) -> dict[str, Any]:
        """Write it; of where it could send to, it says null of what it does not."""
        written = self.properties.model_dump(mode="json", by_alias=True)
        written["logs"] = [item.write() for item in self.properties.logs]
        written["metrics"] = [item.write() for item in self.properties.metrics]
        return {**self.describe_head(), "properties": written}


def refuse(status: int, code: str, message: str) -> ServiceFault:
    """Make a refusal as diagnostic settings have it, without `error` around it.

    Source: Azure/terraform-azurerm-avm-ptn-aiml-landing-zone issue 19.
    """
    return ServiceFault(status, code, message, body=json.dumps({"code": code, "message": message}).encode())


def put_setting(neighbours: Neighbours, setting: DiagnosticSetting) -> None:
    """Make a diagnostic setting, or change it; raises ServiceFault 400 or 409."""
    resource = setting.id.partition("/providers/Microsoft.Insights/diagnosticSettings/")[0]
    others = [item for item in neighbours.list(DiagnosticSetting, resource) if item.id.lower() != setting.id.lower()]
    _check_categories(setting.properties)
    _check_sinks(setting.properties)
    for other in others:
        _check_conflict(setting, other)
    if len(others) >= _LIMIT:
        raise refuse(409, "Conflict", f"The limit of {_LIMIT} diagnostic settings was reached.")
    neighbours.put(setting)


def list_sinks(properties: DiagnosticProperties) -> list[str]:
    """List where a setting sends to."""
    sinks = [properties.workspace_id, properties.storage_account_id, properties.event_hub_authorization_rule_id]
    return [sink for sink in [*sinks, properties.marketplace_partner_id] if sink]


def _check_categories(properties: DiagnosticProperties) -> None:
    """Refuse what an HSM has no logs of.

    Source of the words: Azure/azure-rest-api-specs issue 22719, hashicorp/terraform issue 20534.
    """
    if any(log.category for log in properties.logs) and any(log.category_group for log in properties.logs):
        message = "Diagnostic setting does not support mix of log category and log category group."
        raise refuse(400, "BadRequest", message)
    groups = {group.lower() for members in CATEGORIES.values() for group in members}
    for log in properties.logs:
        if not log.category and not log.category_group:
            raise refuse(400, "BadRequest", "A log setting must have a category or a category group.")
        if log.category and log.category.lower() not in {name.lower() for name in CATEGORIES}:
            raise refuse(400, "BadRequest", f"Category '{log.category}' is not supported.")
        if log.category_group and log.category_group.lower() not in groups:
            raise refuse(400, "BadRequest", f"Category group '{log.category_group}' is not supported.")
    for metric in properties.metrics:
        if (metric.category or METRICS).lower() != METRICS.lower():
            raise refuse(400, "BadRequest", f"Metric category '{metric.category}' is not supported.")


def _check_sinks(properties: DiagnosticProperties) -> None:
    if not list_sinks(properties):
        message = "At least one data sink needs to be specified: a workspace, a storage account or an event hub."
        raise refuse(400, "BadRequest", message)
    if properties.log_analytics_destination_type and not properties.workspace_id:
        raise refuse(400, "BadRequest", "logAnalyticsDestinationType needs a workspaceId.")


def _check_conflict(setting: DiagnosticSetting, other: DiagnosticSetting) -> None:
    sinks = {sink.lower() for sink in list_sinks(other.properties)}
    taken = set(_list_enabled(other.properties))
    for sink in list_sinks(setting.properties):
        for category in _list_enabled(setting.properties):
            if sink.lower() in sinks and category in taken:
                message = (
                    f"Data sink '{sink}' is already used in diagnostic setting '{other.name}' for category "
                    f"'{category}'. Data sinks can't be reused in different settings on the same category for the same "
                    "resource."
                )
                raise refuse(409, "Conflict", message)


def _list_enabled(properties: DiagnosticProperties) -> Iterator[str]:
    """List the categories that are sent, those of groups by their own names."""
    for name, groups in CATEGORIES.items():
        asked = {name.lower(), *(group.lower() for group in groups)}
        if any(log.enabled and (log.category or log.category_group or "").lower() in asked for log in properties.logs):
            yield name
    if any(metric.enabled for metric in properties.metrics):
        yield METRICS
