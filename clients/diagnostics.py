"""The diagnostic setting of an HSM: where its audit log and its metrics go."""

from typing import Any, Final

from pydantic import Field

from clients import upkeep
from clients.api_versions import API_VERSIONS
from clients.arm import list_all
from clients.azure_errors import our_errors
from domain.errors import RefusedByAzure, ServiceError, service_error
from domain.handover.monitoring import Diagnostics
from domain.model import Model

_KIND: Final = "Microsoft.Insights/diagnosticSettings"
_NAME: Final = "hsm-provisioner"


class _Category(Model):
    """What is sent."""

    category: str
    enabled: bool


class _Properties(Model):
    """The properties of a diagnostic setting."""

    workspace_id: str | None
    storage_account_id: str | None
    event_hub_authorization_rule_id: str | None
    event_hub_name: str | None
    logs: list[_Category] = Field(default_factory=lambda: [_Category(category="AuditEvent", enabled=True)])
    metrics: list[_Category]


class _Setting(Model):
    """The body of a diagnostic setting."""

    properties: _Properties


def diagnostics_id(hsm_id: str) -> str:
    """Give the resource id of our diagnostic setting of an HSM."""
    return f"{hsm_id}/providers/{_KIND}/{_NAME}"


def keep_diagnostics(hsm_id: str, wanted: Diagnostics) -> None:
    """Have an HSM's log sent where it is wanted.

    Raises ServiceError `diagnostics_elsewhere` where another setting sends it there: Azure allows one of each.
    """
    properties = _Properties(
        workspace_id=wanted.workspace,
        storage_account_id=wanted.storage_account,
        event_hub_authorization_rule_id=wanted.event_hub_rule,
        event_hub_name=wanted.event_hub,
        metrics=[_Category(category="AllMetrics", enabled=wanted.metrics)],
    )
    try:
        upkeep.keep(diagnostics_id(hsm_id), _Setting(properties=properties))
    except RefusedByAzure as refusal:
        if refusal.detail.code != "azure_conflict":
            raise
        raise _find_reason(hsm_id, properties) or refusal from None


def _find_reason(hsm_id: str, wanted: _Properties) -> ServiceError | None:
    """Find the settings of others that send to the same places: a conflict may also be one that passes."""
    with our_errors("list the diagnostic settings"):
        listed = list_all(hsm_id.split("/")[2], f"{hsm_id}/providers/{_KIND}", API_VERSIONS[_KIND])
    targets = _targets(wanted.model_dump(by_alias=True))
    others = [
        str(setting["name"])
        for setting in listed
        if str(setting["name"]).lower() != _NAME and _targets(setting["properties"]) & targets
    ]
    if not others:
        return None
    return service_error(
        "diagnostics_elsewhere",
        f"Another diagnostic setting of the HSM sends the same to the same place: {', '.join(others)}.",
        advice="Delete the other setting, or leave that place out of diagnostics, then send the request again.",
    )


def _targets(properties: dict[str, Any]) -> set[str]:
    names = ("workspaceId", "storageAccountId", "eventHubAuthorizationRuleId")
    return {str(properties[name]).lower() for name in names if properties.get(name)}
