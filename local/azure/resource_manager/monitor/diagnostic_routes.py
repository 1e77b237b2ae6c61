"""Diagnostic settings of HSMs as resources."""

from typing import Final

from starlette.responses import JSONResponse, Response

from local.azure.resource_manager.calls import HSM, Call, HandlerRoute, perform
from local.azure.resource_manager.monitor.bodies import DiagnosticBody, DiagnosticProperties
from local.azure.resource_manager.monitor.diagnostics import (
    CATEGORIES,
    METRICS,
    DiagnosticSetting,
    put_setting,
    refuse,
)
from local.azure.resource_manager.monitor.targets import Workspace

_INSIGHTS: Final = HSM + "/providers/Microsoft.Insights"
_SETTINGS: Final = _INSIGHTS + "/diagnosticSettings"
_SETTING: Final = _SETTINGS + "/{setting}"
_CATEGORIES: Final = _INSIGHTS + "/diagnosticSettingsCategories"
_ACTION: Final = "Microsoft.Insights/diagnosticSettings"


async def put_diagnostic_setting(call: Call) -> Response:
    """Send an HSM's audit log and its metrics to a workspace, a storage account or an event hub.

    Leaves out: whether the storage account, the event hub and its name, or a partner's solution are there, and that
    they must be in the HSM's region; sending anything.

    Assumes: which keys of the target the caller must be allowed to read (403 `LinkedAuthorizationFailed`); the words of
    the refusals but for a mixture of categories and groups, an unknown category, a target that has a category already,
    and the limit of 5; that the limit is 409 `Conflict`, and a workspace that is not there 400 `BadRequest`; that a
    group of categories is in the way of its categories.
    """
    call.find_hsm()
    properties = (await call.read(DiagnosticBody)).properties
    _require_targets(call, properties)
    setting = DiagnosticSetting(id=_name(call), properties=properties)
    put_setting(call.manager.neighbours, setting)
    return JSONResponse(setting.describe())


async def get_diagnostic_setting(call: Call) -> Response:
    """Give a diagnostic setting of an HSM.

    Assumes: the words of 404 `ResourceNotFound`.
    """
    call.find_hsm()
    setting = call.manager.neighbours.find(DiagnosticSetting, _name(call))
    if setting is None:
        message = f"The resource '{_name(call)}' of type diagnosticSettings was not found."
        raise refuse(404, "ResourceNotFound", message)
    return JSONResponse(setting.describe())


async def list_diagnostic_settings(call: Call) -> Response:
    """List the diagnostic settings of an HSM; they outlive it, and a recovered one has them again."""
    call.find_hsm()
    settings = call.manager.neighbours.list(DiagnosticSetting, call.scope)
    return JSONResponse({"value": [setting.describe() for setting in settings]})


async def delete_diagnostic_setting(call: Call) -> Response:
    """Delete a diagnostic setting of an HSM; 204 where there is none."""
    setting = call.manager.neighbours.find(DiagnosticSetting, _name(call))
    if setting is None:
        return Response(status_code=204)
    call.manager.neighbours.take(setting)
    return Response(status_code=200)


async def list_categories(call: Call) -> Response:
    """List what an HSM has to send: the log AuditEvent, and all metrics.

    Assumes: the action that the caller needs.
    """
    hsm = call.find_hsm()
    logs = [(name, {"categoryType": "Logs", "categoryGroups": list(groups)}) for name, groups in CATEGORIES.items()]
    every = [*logs, (METRICS, {"categoryType": "Metrics", "categoryGroups": []})]
    place = f"{hsm.resource_id}/providers/Microsoft.Insights/diagnosticSettingsCategories"
    kind = "Microsoft.Insights/diagnosticSettingsCategories"
    value = [{"id": f"{place}/{name}", "name": name, "type": kind, "properties": what} for name, what in every]
    return JSONResponse({"value": value})


def _require_targets(call: Call, properties: DiagnosticProperties) -> None:
    """Refuse targets whose keys the caller may not read, and a workspace that is not there; raises ServiceFault."""
    for target, keys in (
        (properties.workspace_id, f"{Workspace.kind}/sharedKeys/action"),
        (properties.storage_account_id, "Microsoft.Storage/storageAccounts/listKeys/action"),
        (
            properties.event_hub_authorization_rule_id,
            "Microsoft.EventHub/namespaces/authorizationRules/listKeys/action",
        ),
    ):
        if target:
            call.require_linked(f"{_ACTION}/write", target, keys)
    workspace = properties.workspace_id
    if workspace and call.manager.neighbours.find(Workspace, workspace) is None:
        raise refuse(400, "BadRequest", f"The workspace '{workspace}' was not found.")


def _name(call: Call) -> str:
    return f"{call.find_hsm().resource_id}/providers/{DiagnosticSetting.kind}/{call.path('setting')}"


ROUTES: Final[tuple[HandlerRoute, ...]] = (
    ("GET", _SETTINGS, perform(f"{_ACTION}/read", list_diagnostic_settings)),
    ("PUT", _SETTING, perform(f"{_ACTION}/write", put_diagnostic_setting)),
    ("GET", _SETTING, perform(f"{_ACTION}/read", get_diagnostic_setting)),
    ("DELETE", _SETTING, perform(f"{_ACTION}/delete", delete_diagnostic_setting)),
    ("GET", _CATEGORIES, perform("Microsoft.Insights/diagnosticSettingsCategories/read", list_categories)),
)
