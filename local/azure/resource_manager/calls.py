"""One request to ARM: who calls, what the path names, and what the caller may do there."""

import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from local.azure.core.errors import ServiceFault
from local.azure.core.journal import note_action
from local.azure.resource_manager.activity_log import Activity
from local.azure.resource_manager.bodies import Body, read_body
from local.azure.resource_manager.callers import read_caller
from local.azure.resource_manager.hsm_resource import HsmResource, Operation
from local.azure.resource_manager.models import ResourceManager
from local.azure.resource_manager.pages import respond_with_page
from local.azure.resource_manager.roles import Grant
from local.azure.resource_manager.subscriptions import ResourceGroup

SUBSCRIPTION: Final = "/subscriptions/{subscription}"
GROUP: Final = SUBSCRIPTION + "/resourceGroups/{group}"
KEY_VAULT: Final = "/providers/Microsoft.KeyVault"
HSM: Final = GROUP + KEY_VAULT + "/managedHSMs/{name}"
# Any resource of a resource group, of whatever kind.
RESOURCE: Final = GROUP + "/providers/{provider}/{kind}/{resource}"
# What is part of one, such as a subnet.
PART: Final = RESOURCE + "/{part_kind}/{part}"


class Call:
    """One authenticated request within a subscription."""

    def __init__(self, request: Request, manager: ResourceManager, claims: dict[str, Any]) -> None:
        self.request = request
        self.manager = manager
        self.caller = read_caller(claims)
        # What is meant, as a path to be filled in; None where `group` and `name` say it.
        self.place: str | None = None
        self.subscription = manager.find_subscription(self.path("subscription"), self.caller.tenant_id)

    def path(self, member: str) -> str:
        """Give what the path names: a subscription, a group, a name, a location."""
        return str(self.request.path_params[member])

    @property
    def scope(self) -> str:
        """The id of the subscription, the resource group, the HSM or the other resource that the path names."""
        if self.place is not None:
            return self.place.format_map({**self.request.path_params, "subscription": self.subscription.id})
        scope = f"/subscriptions/{self.subscription.id}"
        if "group" in self.request.path_params:
            scope += f"/resourceGroups/{self.path('group')}"
            if "name" in self.request.path_params:
                scope += f"/providers/Microsoft.KeyVault/managedHSMs/{self.path('name')}"
        return scope

    @property
    def grants(self) -> list[Grant]:
        """What the caller is granted at the scope."""
        return self.subscription.find_grants(self.caller.principals, self.scope)

    def require(self, action: str) -> None:
        """Refuse a caller who is not granted an action; raises ServiceFault 403."""
        if any(grant.allows(action) for grant in self.grants):
            return
        who = self.caller
        message = (
            f"The client '{who.application_id}' with object id '{who.object_id}' does not have authorization to "
            f"perform action '{action}' over scope '{self.scope}' or the scope is invalid. If access was recently "
            "granted, please refresh your credentials."
        )
        raise ServiceFault(403, "AuthorizationFailed", message)

    def require_linked(self, action: str, linked: str, linked_action: str) -> None:
        """Refuse a caller who may do an action here, but not another one on what it is linked to; raises ServiceFault.

        The words are those of Azure (source: MicrosoftDocs/azure-docs issue 96892).
        """
        if self.manager.permits(self.caller, linked_action, linked):
            return
        who = self.caller
        message = (
            f"The client '{who.application_id}' with object id '{who.object_id}' has permission to perform action "
            f"'{action}' on scope '{self.scope}'; however, it does not have permission to perform action "
            f"'{linked_action}' on the linked scope(s) '{linked}' or the linked scope(s) are invalid."
        )
        raise ServiceFault(403, "LinkedAuthorizationFailed", message)

    def require_unlocked(self, action: str) -> None:
        """Refuse what a lock keeps from being done; raises ServiceFault 409.

        That locks themselves are not kept is documented (lock-resources.md); that a purge is not, is an assumption.
        """
        what = action.lower()
        if what.startswith("microsoft.authorization/locks/") or what.endswith("/purge/action"):
            return
        if what.endswith("/delete"):
            self.subscription.locks.require_deletable(self.scope)
        elif what.endswith(("/write", "/action")):
            self.subscription.locks.require_writable(self.scope)

    def record(self, action: str, status: int) -> None:
        """Write into the subscription's activity log what was done, unless it only read."""
        if action.lower().endswith("/read"):
            return
        at = datetime.fromtimestamp(self.manager.timing.clock.now(), UTC)
        correlation_id = self.request.headers.get("x-ms-correlation-request-id") or str(uuid.uuid4())
        activity = Activity(at, self.caller, action, self.scope, status, correlation_id)
        self.subscription.activities.record(activity)

    async def read[Read: Body](self, kind: type[Read]) -> Read:
        """Read the body; raises ServiceFault 400."""
        return read_body(kind, await self.request.body())

    def respond_with_page(self, items: list[dict[str, Any]]) -> Response:
        """Answer with one page of a list; raises ServiceFault 400."""
        return respond_with_page(self.request, items, self.manager.page_size)

    def find_group(self) -> ResourceGroup:
        """Find the resource group that the path names; raises ServiceFault 404."""
        return self.subscription.find_group(self.path("group"))

    def find_hsm(self) -> HsmResource:
        """Find the HSM that the path names; raises ServiceFault 404."""
        return self.manager.find_in_group(self.subscription.id, self.path("group"), self.path("name"))


type Handler = Callable[[Call], Awaitable[Response]]
type HandlerRoute = tuple[str, str, Handler]


def accept(call: Call, operation: Operation) -> Response:
    """Answer as recorded of the real service: 202, empty, a Location that is new at each poll, no Retry-After."""
    version = call.request.query_params["api-version"]
    place = f"/subscriptions/{operation.subscription_id}{KEY_VAULT}/locations/{operation.location}"
    url = f"https://management.azure.com{place}/managedHsmOperationResults/{operation.id}"
    # It only has to be new: the real one holds a signature.
    return Response(status_code=202, headers={"Location": f"{url}?api-version={version}&t={time.time_ns()}"})


def perform(action: str, handler: Handler) -> Handler:
    """Let a handler do what a caller may do who is granted an action."""

    @wraps(handler)
    async def handle(call: Call) -> Response:
        note_action(call.request, action)
        call.require(action)
        try:
            call.subscription.require_enabled(action)
            call.require_unlocked(action)
            response = await handler(call)
        except ServiceFault as fault:
            call.record(action, fault.status)
            raise
        call.record(action, response.status_code)
        return response

    return handle


def at(place: str, handler: Handler) -> Handler:
    """Let a handler's scope be a path, filled in: what is neither an HSM nor above one."""

    @wraps(handler)
    async def handle(call: Call) -> Response:
        call.place = place
        return await handler(call)

    return handle
