"""management.azure.com."""

import re
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.azure.core.errors import ServiceFault, no_such_endpoint, respond_to_fault
from local.azure.core.tokens import TokenAuthority
from local.azure.resource_manager.bodies import HsmBody, HsmUpdate, plain_location, read_body
from local.azure.resource_manager.models import (
    LOCATIONS,
    ROLE_ACTIONS,
    DeletedHsm,
    ResourceGroup,
    ResourceManager,
    Subscription,
    challenge,
    describe_deleted,
    describe_hsm,
    update_hsm,
)

AUDIENCES: Final = ["https://management.azure.com", "https://management.core.windows.net"]
_SUBSCRIPTION: Final = "/subscriptions/{subscription}"
_GROUP: Final = _SUBSCRIPTION + "/resourceGroups/{group}"
_VAULTS: Final = "/providers/Microsoft.KeyVault"
Handler = Callable[["Call"], Awaitable[Response]]


class Call:
    """One authenticated request within a subscription."""

    def __init__(self, request: Request, manager: ResourceManager, claims: dict[str, Any]) -> None:
        self.request = request
        self.manager = manager
        self.object_id = str(claims["oid"])
        self.subscription: Subscription = manager.subscription(request.path_params["subscription"], claims["tid"])

    @property
    def actions(self) -> list[str]:
        """What the caller may do in the subscription."""
        return ROLE_ACTIONS.get(self.subscription.roles.get(self.object_id, ""), [])

    @property
    def group(self) -> str:
        """The resource group that the path names."""
        return str(self.request.path_params["group"])

    @property
    def name(self) -> str:
        """The HSM that the path names."""
        return str(self.request.path_params["name"])

    def require_permission(self) -> None:
        """Refuse a caller who has no role, or who would change something as a reader."""
        reading = self.request.method in ("GET", "HEAD")
        if not self.actions or (self.actions != ["*"] and not reading):
            message = (
                f"The client with object id '{self.object_id}' does not have authorization to perform this action."
            )
            raise ServiceFault(403, "AuthorizationFailed", message)


def make_resource_manager_app(manager: ResourceManager, authority: TokenAuthority) -> Starlette:
    """Make the web app of ARM; its paths are matched whatever their case."""

    def route(path: str, method: str, handler: Handler, *, open_to_all: bool = False) -> Route:
        async def handle(request: Request) -> Response:
            call = Call(request, manager, enter(request))
            if not open_to_all:
                call.require_permission()
            return await handler(call)

        return _any_case(Route(path, handle, methods=[method]))

    def enter(request: Request) -> dict[str, Any]:
        tenants = {subscription.tenant_id for subscription in manager.subscriptions.values()}
        try:
            claims = authority.validate(request, AUDIENCES, other_tenants=tenants)
        except ServiceFault as fault:
            raise ServiceFault(401, fault.code, fault.message, challenge(authority.tenant_id)) from None
        if "api-version" not in request.query_params:
            raise ServiceFault(400, "MissingApiVersionParameter", "The api-version query parameter is required.")
        return claims

    async def list_subscriptions(request: Request) -> Response:
        claims = enter(request)
        visible = [
            subscription
            for subscription in manager.subscriptions.values()
            if subscription.tenant_id == claims["tid"] and claims["oid"] in subscription.roles
        ]
        return JSONResponse({"value": [_describe_subscription(subscription) for subscription in visible]})

    async def list_tenants(request: Request) -> Response:
        tenant = enter(request)["tid"]
        return JSONResponse({"value": [{"id": f"/tenants/{tenant}", "tenantId": tenant}]})

    async def find_nothing(request: Request) -> Response:
        enter(request)
        return no_such_endpoint(request)

    hsm = _GROUP + _VAULTS + "/managedHSMs/{name}"
    deleted = _SUBSCRIPTION + _VAULTS + "/locations/{location}/deletedManagedHSMs/{name}"
    routes = [
        route(_SUBSCRIPTION, "GET", _get_subscription),
        route(
            _SUBSCRIPTION + "/providers/Microsoft.Authorization/permissions", "GET", _get_permissions, open_to_all=True
        ),
        route(_GROUP + "/providers/Microsoft.Authorization/permissions", "GET", _get_permissions, open_to_all=True),
        _any_case(Route("/subscriptions", list_subscriptions)),
        _any_case(Route("/tenants", list_tenants)),
        route(_SUBSCRIPTION + _VAULTS, "GET", _get_provider),
        route(_SUBSCRIPTION + _VAULTS + "/unregister", "POST", _unregister),
        route(_SUBSCRIPTION + "/resourceGroups", "GET", _list_groups),
        route(_GROUP + _VAULTS + "/managedHSMs", "GET", _list_hsms_of_group),
        route(_SUBSCRIPTION + _VAULTS + "/register", "POST", _register),
        route(_SUBSCRIPTION + _VAULTS + "/managedHSMs", "GET", _list_hsms),
        route(_SUBSCRIPTION + _VAULTS + "/deletedManagedHSMs", "GET", _list_deleted),
        route(_SUBSCRIPTION + _VAULTS + "/checkMhsmNameAvailability", "POST", _check_name),
        route(_SUBSCRIPTION + _VAULTS + "/locations/{location}/managedHsmOperationResults/{operation}", "GET", _poll),
        route(deleted, "GET", _get_deleted),
        route(deleted + "/purge", "POST", _purge),
        route(_GROUP, "PUT", _put_group),
        # Before GET, which would answer HEAD, too, and with another status.
        route(_GROUP, "HEAD", _head_group),
        route(_GROUP, "GET", _get_group),
        route(_GROUP, "DELETE", _delete_group),
        route(hsm, "PUT", _put_hsm),
        route(hsm, "GET", _get_hsm),
        route(hsm, "PATCH", _patch_hsm),
        route(hsm, "DELETE", _delete_hsm),
        Route("/{path:path}", find_nothing, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
    ]
    return Starlette(routes=routes, exception_handlers={ServiceFault: respond_to_fault})


def _any_case(route: Route) -> Route:
    """Match a path whatever its case: ARM's clients do not agree on it."""
    route.path_regex = re.compile(route.path_regex.pattern, re.IGNORECASE)
    return route


async def _get_subscription(call: Call) -> Response:
    return JSONResponse(_describe_subscription(call.subscription))


def _describe_subscription(subscription: Subscription) -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{subscription.id}",
        "subscriptionId": subscription.id,
        "tenantId": subscription.tenant_id,
        "displayName": "Local subscription",
        "state": "Enabled",
    }


async def _get_permissions(call: Call) -> Response:
    grants = (
        [{"actions": call.actions, "notActions": [], "dataActions": [], "notDataActions": []}] if call.actions else []
    )
    return JSONResponse({"value": grants})


async def _get_provider(call: Call) -> Response:
    return JSONResponse(
        {
            "id": f"/subscriptions/{call.subscription.id}{_VAULTS}",
            "namespace": "Microsoft.KeyVault",
            "registrationState": "Registered" if call.subscription.registered else "NotRegistered",
            "resourceTypes": [
                {"resourceType": "managedHSMs", "locations": list(LOCATIONS), "apiVersions": ["2026-05-15"]}
            ],
        }
    )


async def _register(call: Call) -> Response:
    call.subscription.registered = True
    return await _get_provider(call)


async def _unregister(call: Call) -> Response:
    call.subscription.registered = False
    return await _get_provider(call)


async def _list_hsms_of_group(call: Call) -> Response:
    _find_group(call)
    place = (call.subscription.id, call.group.lower())
    hsms = [hsm for hsm in call.manager.hsms.values() if (hsm.subscription_id, hsm.resource_group.lower()) == place]
    return JSONResponse({"value": [describe_hsm(hsm, call.subscription.tenant_id) for hsm in hsms]})


async def _list_hsms(call: Call) -> Response:
    hsms = [hsm for hsm in call.manager.hsms.values() if hsm.subscription_id == call.subscription.id]
    return JSONResponse({"value": [describe_hsm(hsm, call.subscription.tenant_id) for hsm in hsms]})


async def _list_deleted(call: Call) -> Response:
    deleted = [item for item in call.manager.deleted.values() if item.hsm.subscription_id == call.subscription.id]
    return JSONResponse({"value": [describe_deleted(item) for item in deleted]})


async def _check_name(call: Call) -> Response:
    call.subscription.require_registration()
    available, reason, message = call.manager.is_available(str((await call.request.json()).get("name", "")))
    answer: dict[str, Any] = {"nameAvailable": available}
    return JSONResponse(answer if available else {**answer, "reason": reason, "message": message})


async def _list_groups(call: Call) -> Response:
    return JSONResponse({"value": [_describe_group(call, group) for group in call.subscription.groups.values()]})


async def _put_group(call: Call) -> Response:
    body = await call.request.json()
    existing = call.subscription.groups.get(call.group.lower())
    location = str(body.get("location", "")).replace(" ", "").lower()
    if existing is not None and existing.location != location:
        raise ServiceFault(409, "InvalidResourceGroupLocation", "The resource group exists in another location.")
    group = ResourceGroup(existing.name if existing else call.group, location, dict(body.get("tags") or {}))
    call.subscription.groups[call.group.lower()] = group
    return JSONResponse(_describe_group(call, group), status_code=200 if existing else 201)


async def _get_group(call: Call) -> Response:
    return JSONResponse(_describe_group(call, _find_group(call)))


async def _head_group(call: Call) -> Response:
    exists = call.group.lower() in call.subscription.groups
    return Response(status_code=204 if exists else 404)


async def _delete_group(call: Call) -> Response:
    _find_group(call)
    place = (call.subscription.id, call.group.lower())
    for hsm in list(call.manager.hsms.values()):
        if (hsm.subscription_id, hsm.resource_group.lower()) == place:
            call.manager.delete_hsm(hsm)
    del call.subscription.groups[call.group.lower()]
    return Response(status_code=200)


async def _put_hsm(call: Call) -> Response:
    body = read_body(HsmBody, await call.request.body())
    hsm = call.manager.put_hsm(call.subscription, call.group, call.name, body, call.object_id)
    return _accepted(call, call.manager.begin_operation(hsm), hsm.location)


async def _get_hsm(call: Call) -> Response:
    hsm = call.manager.find_in_group(call.subscription.id, call.group, call.name)
    return JSONResponse(describe_hsm(hsm, call.subscription.tenant_id))


async def _patch_hsm(call: Call) -> Response:
    hsm = call.manager.find_in_group(call.subscription.id, call.group, call.name)
    update = read_body(HsmUpdate, await call.request.body())
    update_hsm(hsm, update.tags, update.properties)
    return JSONResponse(describe_hsm(hsm, call.subscription.tenant_id))


async def _delete_hsm(call: Call) -> Response:
    hsm = call.manager.find_in_group(call.subscription.id, call.group, call.name)
    call.manager.delete_hsm(hsm)
    return _accepted(call, call.manager.begin_operation(None), hsm.location)


async def _get_deleted(call: Call) -> Response:
    return JSONResponse(describe_deleted(_find_deleted(call)))


async def _purge(call: Call) -> Response:
    deleted = _find_deleted(call)
    if deleted.hsm.properties.get("enablePurgeProtection"):
        raise ServiceFault(409, "MethodNotAllowed", "Purge protection is enabled.")
    del call.manager.deleted[call.name.lower()]
    return _accepted(call, call.manager.begin_operation(None), deleted.hsm.location)


async def _poll(call: Call) -> Response:
    operation = call.request.path_params["operation"]
    if operation not in call.manager.operations:
        raise ServiceFault(404, "OperationNotFound", "There is no such operation.")
    hsm = call.manager.operations[operation]
    if hsm is None:
        return Response(status_code=200)
    state = hsm.provisioning.state
    if state == "Failed":
        # A 4xx: the SDK would take a 5xx for a failure to ask and ask again. The code is an assumption.
        raise ServiceFault(409, "ManagedHsmError", "The Managed HSM could not be provisioned.")
    if state != "Succeeded":
        return _accepted(call, operation, hsm.location)
    return JSONResponse(describe_hsm(hsm, call.subscription.tenant_id))


def _accepted(call: Call, operation: str, location: str) -> Response:
    """Answer as recorded of the real service: 202, empty, a Location that is new at each poll, no Retry-After."""
    version = call.request.query_params["api-version"]
    path = f"/subscriptions/{call.subscription.id}{_VAULTS}/locations/{location}/managedHsmOperationResults/{operation}"
    url = f"https://management.azure.com{path}?api-version={version}&t={time.time_ns()}"
    return Response(status_code=202, headers={"Location": url})


def _find_deleted(call: Call) -> DeletedHsm:
    deleted = call.manager.deleted.get(call.name.lower())
    place = (call.subscription.id, plain_location(call.request.path_params["location"]))
    if deleted is None or (deleted.hsm.subscription_id, deleted.hsm.location) != place:
        raise ServiceFault(404, "ResourceNotFound", "There is no deleted Managed HSM of that name.")
    return deleted


def _find_group(call: Call) -> ResourceGroup:
    group = call.subscription.groups.get(call.group.lower())
    if group is None:
        raise ServiceFault(404, "ResourceGroupNotFound", f"Resource group '{call.group}' could not be found.")
    return group


def _describe_group(call: Call, group: ResourceGroup) -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{call.subscription.id}/resourceGroups/{group.name}",
        "name": group.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": group.location,
        "tags": group.tags,
        "properties": {"provisioningState": "Succeeded"},
    }
