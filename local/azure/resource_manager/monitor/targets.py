"""Where logs and alerts go: Log Analytics workspaces, storage accounts, event hubs and action groups."""

import uuid
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from starlette.responses import JSONResponse, Response

from local.azure.resource_manager.calls import GROUP, Call, HandlerRoute, at, perform
from local.azure.resource_manager.neighbours import Neighbour

_WORKSPACES: Final = GROUP + "/providers/Microsoft.OperationalInsights/workspaces"
_WORKSPACE: Final = _WORKSPACES + "/{workspace}"
_ACCOUNT: Final = GROUP + "/providers/Microsoft.Storage/storageAccounts/{account}"
_HUB_RULE: Final = GROUP + "/providers/Microsoft.EventHub/namespaces/{namespace}/authorizationRules/{rule}"
_ACTION_GROUPS: Final = GROUP + "/providers/Microsoft.Insights/actionGroups"
_ACTION_GROUP: Final = _ACTION_GROUPS + "/{action_group}"


@dataclass(kw_only=True)
class Workspace(Neighbour):
    """A Log Analytics workspace."""

    kind: ClassVar[str] = "Microsoft.OperationalInsights/workspaces"

    customer_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    properties: dict[str, Any] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        """Write it."""
        standard = {
            "customerId": self.customer_id,
            "provisioningState": self.state,
            "sku": {"name": "PerGB2018"},
            "retentionInDays": 30,
        }
        return self.describe_head() | {"etag": self.etag, "properties": standard | self.properties}


@dataclass(kw_only=True)
class StorageAccount(Neighbour):
    """A storage account as ARM has it; what is in it is no concern of this one."""

    kind: ClassVar[str] = "Microsoft.Storage/storageAccounts"

    def describe(self) -> dict[str, Any]:
        """Write it."""
        return self.describe_head() | {"kind": "StorageV2", "properties": {"provisioningState": self.state}}


@dataclass(kw_only=True)
class EventHubRule(Neighbour):
    """An authorisation rule of an Event Hubs namespace."""

    kind: ClassVar[str] = "Microsoft.EventHub/namespaces/authorizationRules"

    def describe(self) -> dict[str, Any]:
        """Write it."""
        return self.describe_head() | {"properties": {"rights": ["Listen", "Manage", "Send"]}}


@dataclass(kw_only=True)
class ActionGroup(Neighbour):
    """Whom an alert tells."""

    kind: ClassVar[str] = "Microsoft.Insights/actionGroups"

    properties: dict[str, Any] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        """Write it."""
        standard = {"groupShortName": self.name[:12], "enabled": True, "emailReceivers": []}
        return self.describe_head() | {"properties": standard | self.properties}


async def get_workspace(call: Call) -> Response:
    """Give a Log Analytics workspace, which the control API makes.

    Leaves out: making one by a request, and the logs in it.
    """
    return JSONResponse(call.manager.neighbours.require(Workspace, call.scope).describe())


async def list_workspaces(call: Call) -> Response:
    """List the Log Analytics workspaces of a resource group."""
    call.find_group()
    return call.respond_with_page([item.describe() for item in call.manager.neighbours.list(Workspace, call.scope)])


async def get_storage_account(call: Call) -> Response:
    """Give a storage account, which the control API makes.

    Leaves out: making one by a request, and all but its id and its region.
    """
    return JSONResponse(call.manager.neighbours.require(StorageAccount, call.scope).describe())


async def get_event_hub_rule(call: Call) -> Response:
    """Give an authorisation rule of an Event Hubs namespace, which the control API makes.

    Leaves out: making one by a request, and its namespace.
    """
    return JSONResponse(call.manager.neighbours.require(EventHubRule, call.scope).describe())


async def get_action_group(call: Call) -> Response:
    """Give an action group, which the control API makes.

    Leaves out: making one by a request, and telling anybody anything.
    """
    return JSONResponse(call.manager.neighbours.require(ActionGroup, call.scope).describe())


async def list_action_groups(call: Call) -> Response:
    """List the action groups of a resource group."""
    call.find_group()
    return call.respond_with_page([item.describe() for item in call.manager.neighbours.list(ActionGroup, call.scope)])


ROUTES: Final[tuple[HandlerRoute, ...]] = (
    ("GET", _WORKSPACES, perform("Microsoft.OperationalInsights/workspaces/read", list_workspaces)),
    ("GET", _WORKSPACE, at(_WORKSPACE, perform("Microsoft.OperationalInsights/workspaces/read", get_workspace))),
    ("GET", _ACCOUNT, at(_ACCOUNT, perform("Microsoft.Storage/storageAccounts/read", get_storage_account))),
    (
        "GET",
        _HUB_RULE,
        at(_HUB_RULE, perform("Microsoft.EventHub/namespaces/authorizationRules/read", get_event_hub_rule)),
    ),
    ("GET", _ACTION_GROUPS, perform("Microsoft.Insights/actionGroups/read", list_action_groups)),
    ("GET", _ACTION_GROUP, at(_ACTION_GROUP, perform("Microsoft.Insights/actionGroups/read", get_action_group))),
)
