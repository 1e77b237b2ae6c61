"""Subscriptions: themselves, the caller's permissions, the provider, and resource groups."""

import math
from typing import Final

from starlette.responses import JSONResponse, Response

from local.azure.core.errors import ServiceFault
from local.azure.resource_manager.bodies import GroupBody, GroupUpdate
from local.azure.resource_manager.calls import (
    GROUP,
    HSM,
    KEY_VAULT,
    PART,
    RESOURCE,
    SUBSCRIPTION,
    Call,
    Handler,
    at,
    perform,
)
from local.azure.resource_manager.descriptions import (
    describe_group,
    describe_identity_resource,
    describe_provider,
    describe_resource,
    describe_subscription,
)
from local.azure.resource_manager.neighbours import Neighbour
from local.azure.resource_manager.subscriptions import ResourceGroup

_PERMISSIONS: Final = "/providers/Microsoft.Authorization/permissions"
_GROUPS: Final = "Microsoft.Resources/subscriptions/resourceGroups"
_PROVIDERS: Final = "Microsoft.Resources/subscriptions/providers/read"
# What ARM asks a client to wait between two looks at a resource group's deletion.
_RETRY_AFTER_SECONDS: Final = 15


async def get_subscription(call: Call) -> Response:
    """Give the subscription.

    Leaves out: policies, `authorizationSource` and `managedByTenants`.

    Assumes: a subscription without tags has no member `tags`. In the states `Warned`, `Disabled` and `Deleted` what
    writes is 409 `ReadOnlyDisabledSubscription`, and what reads or deletes goes on; in `PastDue` everything does.
    """
    return JSONResponse(describe_subscription(call.subscription))


async def get_permissions(call: Call) -> Response:
    """Give what the caller is granted; anyone may ask."""
    granted = [
        {"actions": grant.actions, "notActions": grant.not_actions, "dataActions": [], "notDataActions": []}
        for grant in call.grants
    ]
    return JSONResponse({"value": granted})


async def list_providers(call: Call) -> Response:
    """List the resource providers: there is one, Microsoft.KeyVault.

    Leaves out: all other providers.
    """
    return JSONResponse({"value": [describe_provider(call.subscription)]})


async def get_provider(call: Call) -> Response:
    """Give the provider Microsoft.KeyVault."""
    return JSONResponse(describe_provider(call.subscription))


async def register(call: Call) -> Response:
    """Register the subscription for Microsoft.KeyVault: it is `Registering` first, then `Registered`.

    Assumes: until then creating is refused as it is without registration.
    """
    call.manager.register(call.subscription)
    return await get_provider(call)


async def unregister(call: Call) -> Response:
    """Take the registration for Microsoft.KeyVault back."""
    call.subscription.registered = False
    call.subscription.registration = None
    return await get_provider(call)


async def list_groups(call: Call) -> Response:
    """List the resource groups."""
    groups = [describe_group(call.subscription, group) for group in call.subscription.groups.values()]
    return call.respond_with_page(groups)


async def list_resources(call: Call) -> Response:
    """List what is in a resource group: HSMs, user-assigned identities, and what there is of networks and monitoring.

    Leaves out: `$filter` and `$expand`, which are 400.
    """
    for parameter in ("$filter", "$expand"):
        if parameter in call.request.query_params:
            message = f"The local Azure does not know {parameter} here."
            raise ServiceFault(400, "InvalidFilterInQueryString", message)
    group = call.find_group()
    hsms = call.manager.list_in_group(call.subscription.id, group.name)
    inside = f"{call.scope}/".lower()
    identities = [
        identity for identity in call.manager.directory.identities() if identity.resource_id.lower().startswith(inside)
    ]
    others = [item.describe_head() for item in call.manager.neighbours.list(Neighbour, call.scope) if item.is_listed]
    return call.respond_with_page(
        [*map(describe_resource, hsms), *map(describe_identity_resource, identities), *others]
    )


async def put_group(call: Call) -> Response:
    """Create a resource group, or give it other tags; its location cannot be changed."""
    body = await call.read(GroupBody)
    name = call.path("group")
    existing = call.subscription.groups.get(name.lower())
    if existing is not None and existing.location != body.location:
        message = (
            f"Invalid resource group location '{body.location}'. The Resource group already exists in location "
            f"'{existing.location}'."
        )
        raise ServiceFault(409, "InvalidResourceGroupLocation", message)
    if existing is not None and existing.deletion is not None:
        message = f"The resource group '{name}' is in deprovisioning state and cannot perform this operation."
        raise ServiceFault(409, "ResourceGroupBeingDeleted", message)
    group = ResourceGroup(existing.name if existing else name, body.location, body.tags or {})
    call.subscription.groups[name.lower()] = group
    return JSONResponse(describe_group(call.subscription, group), status_code=200 if existing else 201)


async def patch_group(call: Call) -> Response:
    """Give a resource group other tags."""
    group = call.find_group()
    body = await call.read(GroupUpdate)
    if body.tags is not None:
        group.tags = body.tags
    return JSONResponse(describe_group(call.subscription, group))


async def get_group(call: Call) -> Response:
    """Give a resource group."""
    return JSONResponse(describe_group(call.subscription, call.find_group()))


async def head_group(call: Call) -> Response:
    """Say whether a resource group exists."""
    exists = call.path("group").lower() in call.subscription.groups
    return Response(status_code=204 if exists else 404)


async def delete_group(call: Call) -> Response:
    """Delete a resource group, unless it or what is in it is locked, and soft-delete its HSMs; it may end at once.

    Leaves out: user-assigned identities, and what Azure does not delete because something elsewhere uses it.

    Assumes: 409 `ResourceGroupDeletionBlocked` where one of the HSMs has another region; `Retry-After` is 15 seconds as
    in reality, but no more than the deletion takes.
    """
    operation = call.manager.begin_group_deletion(call.subscription, call.find_group())
    return await _answer_deletion(call, operation.id)


async def poll_group(call: Call) -> Response:
    """Say whether the deletion of a resource group has ended."""
    return await _answer_deletion(call, call.path("operation"))


async def _answer_deletion(call: Call, identifier: str) -> Response:
    operation = call.manager.operations.get(identifier)
    if operation is None:
        raise ServiceFault(404, "OperationNotFound", "There is no such operation.")
    if operation.progress.ended:
        return Response(status_code=200)
    version = call.request.query_params["api-version"]
    place = f"/subscriptions/{call.subscription.id}/operationresults/{operation.id}"
    # In reality 15 s; here no longer than the deletion takes.
    timing = call.manager.timing
    seconds = min(_RETRY_AFTER_SECONDS, max(1, math.ceil(timing.deletion_seconds / timing.clock.speed)))
    headers = {"Location": f"https://management.azure.com{place}?api-version={version}", "Retry-After": str(seconds)}
    return Response(status_code=202, headers=headers)


ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", SUBSCRIPTION, perform("Microsoft.Resources/subscriptions/read", get_subscription)),
    ("GET", SUBSCRIPTION + _PERMISSIONS, get_permissions),
    ("GET", GROUP + _PERMISSIONS, get_permissions),
    ("GET", HSM + _PERMISSIONS, get_permissions),
    # After HSMs, which are resources, too.
    ("GET", RESOURCE + _PERMISSIONS, at(RESOURCE, get_permissions)),
    ("GET", PART + _PERMISSIONS, at(PART, get_permissions)),
    ("GET", SUBSCRIPTION + "/providers", perform(_PROVIDERS, list_providers)),
    ("GET", SUBSCRIPTION + KEY_VAULT, perform(_PROVIDERS, get_provider)),
    ("POST", SUBSCRIPTION + KEY_VAULT + "/register", perform("Microsoft.KeyVault/register/action", register)),
    ("POST", SUBSCRIPTION + KEY_VAULT + "/unregister", perform("Microsoft.KeyVault/unregister/action", unregister)),
    ("GET", SUBSCRIPTION + "/resourceGroups", perform(f"{_GROUPS}/read", list_groups)),
    ("PUT", GROUP, perform(f"{_GROUPS}/write", put_group)),
    ("PATCH", GROUP, perform(f"{_GROUPS}/write", patch_group)),
    # Before GET, which would answer HEAD, too, and with another status.
    ("HEAD", GROUP, perform(f"{_GROUPS}/read", head_group)),
    ("GET", GROUP, perform(f"{_GROUPS}/read", get_group)),
    ("GET", GROUP + "/resources", perform(f"{_GROUPS}/resources/read", list_resources)),
    ("DELETE", GROUP, perform(f"{_GROUPS}/delete", delete_group)),
    (
        "GET",
        SUBSCRIPTION + "/operationresults/{operation}",
        perform("Microsoft.Resources/subscriptions/operationresults/read", poll_group),
    ),
)
