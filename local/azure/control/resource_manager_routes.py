"""The control API's routes that change what ARM has, and what it refuses."""

from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.azure.control import models
from local.azure.control.neighbour_planting import plant_resource
from local.azure.control.planting import add_hits, plant
from local.azure.core.errors import ServiceFault
from local.azure.resource_manager.hsm_resource import HsmResource
from local.azure.resource_manager.locks import Lock
from local.azure.resource_manager.network.virtual_networks import Subnet
from local.azure.resource_manager.roles import Role
from local.azure.resource_manager.subscriptions import ManagementGroup, Subscription
from local.azure.world import World

# In an id /subscriptions/S.
_SLASHES_OF_SUBSCRIPTION: Final = 2


def make_resource_manager_routes(world: World) -> list[Route]:
    """Make the routes."""
    return [
        *_make_subscription_routes(world),
        *_make_hsm_routes(world),
        *_make_hsm_change_routes(world),
        *_make_rule_routes(world),
        *_make_neighbour_routes(world),
    ]


def _make_subscription_routes(world: World) -> list[Route]:
    async def post_subscription(request: Request) -> Response:
        new = models.NewSubscription.model_validate_json(await request.body())
        made = world.add_subscription(registered=new.registered)
        _change_subscription(made, new)
        return JSONResponse({"id": made.id}, status_code=201)

    async def put_subscription(request: Request) -> Response:
        change = models.SubscriptionChange.model_validate_json(await request.body())
        _change_subscription(world.find_subscription(request.path_params["subscription"]), change)
        return _json(change)

    async def post_lock(request: Request) -> Response:
        new = models.NewLock.model_validate_json(await request.body())
        lock = Lock(new.scope, new.name, new.level, new.notes)
        world.find_subscription(new.scope.split("/")[2]).locks.put(lock)
        return _json(new, 201)

    async def delete_lock(request: Request) -> Response:
        scope, name = request.query_params["scope"], request.query_params["name"]
        world.find_subscription(scope.split("/")[2]).locks.remove(scope, name)
        return Response(status_code=204)

    async def put_registration(request: Request) -> Response:
        change = models.Registration.model_validate_json(await request.body())
        world.subscription.registered = change.registered
        world.subscription.registration = None
        return _json(change)

    return [
        Route("/subscriptions", post_subscription, methods=["POST"]),
        Route("/subscriptions/{subscription}", put_subscription, methods=["PUT"]),
        Route("/locks", post_lock, methods=["POST"]),
        Route("/locks", delete_lock, methods=["DELETE"]),
        Route("/registration", put_registration, methods=["PUT"]),
    ]


def _make_hsm_routes(world: World) -> list[Route]:
    async def get_hsms(request: Request) -> Response:  # noqa: ARG001 - a handler's signature
        live = [(hsm, False) for hsm in world.manager.hsms.values()]
        deleted = [(item.hsm, True) for item in world.manager.deleted.values()]
        return JSONResponse([_describe_hsm(hsm, deleted=gone) for hsm, gone in [*live, *deleted]])

    async def post_hsms(request: Request) -> Response:
        new = models.PlantedHsms.model_validate_json(await request.body())
        for hsm in new.hsms:
            plant(world, hsm)
        return JSONResponse({"planted": len(new.hsms)}, status_code=201)

    async def delete_hsms(request: Request) -> Response:  # noqa: ARG001 - a handler's signature
        world.manager.forget([*world.manager.hsms, *world.manager.deleted])
        return Response(status_code=204)

    async def delete_hsm(request: Request) -> Response:
        world.manager.forget([request.path_params["hsm"].lower()])
        return Response(status_code=204)

    return [
        Route("/hsms", get_hsms),
        Route("/hsms", post_hsms, methods=["POST"]),
        Route("/hsms", delete_hsms, methods=["DELETE"]),
        Route("/hsms/{hsm}", delete_hsm, methods=["DELETE"]),
    ]


def _make_hsm_change_routes(world: World) -> list[Route]:
    def find_hsm(request: Request) -> HsmResource:
        hsm = world.manager.find_live(request.path_params["hsm"])
        if hsm is None:
            raise ServiceFault(404, "HsmNotFound", "There is no such HSM.")
        return hsm

    async def put_hsm(request: Request) -> Response:
        change = models.CreationChange.model_validate_json(await request.body())
        hsm = find_hsm(request)
        for name, value in change.model_dump(exclude_none=True).items():
            setattr(hsm, name, value)
        return _json(change)

    async def post_hits(request: Request) -> Response:
        hits = models.PlantedHits.model_validate_json(await request.body())
        add_hits(find_hsm(request), hits)
        return _json(hits, 201)

    async def put_private_callers(request: Request) -> Response:
        callers = models.PrivateCallers.model_validate_json(await request.body())
        find_hsm(request).private_callers = {name.lower() for name in callers.object_ids}
        return _json(callers)

    async def delete_transfer_key(request: Request) -> Response:
        find_hsm(request).replace_transfer_key()
        return Response(status_code=204)

    return [
        Route("/hsms/{hsm}", put_hsm, methods=["PUT"]),
        Route("/hsms/{hsm}/hits", post_hits, methods=["POST"]),
        Route("/hsms/{hsm}/private-callers", put_private_callers, methods=["PUT"]),
        Route("/hsms/{hsm}/transfer-key", delete_transfer_key, methods=["DELETE"]),
    ]


def _make_rule_routes(world: World) -> list[Route]:
    async def put_resource_manager(request: Request) -> Response:
        change = models.ResourceManagerChange.model_validate_json(await request.body())
        manager = world.manager
        for name in ("quota", "lost_purges", "deletion_end_status", "page_size", "graph_quota"):
            if getattr(change, name) is not None:
                setattr(manager, name, getattr(change, name))
        if change.network_failures is not None:
            manager.network_failures_to_come = change.network_failures
        if change.graph_lag_seconds is not None:
            manager.graph.change_lag(change.graph_lag_seconds)
        if change.regions_without_capacity is not None:
            manager.regions_without_capacity = set(change.regions_without_capacity)
        if change.never_ending is not None:
            manager.never_ending = set(change.never_ending)
        return _json(change)

    return [Route("/resource-manager", put_resource_manager, methods=["PUT"])]


def _make_neighbour_routes(world: World) -> list[Route]:
    async def post_role(request: Request) -> Response:
        new = models.NewRole.model_validate_json(await request.body())
        subscription = world.find_subscription(f"{new.scope}//".split("/")[2])
        if new.scope.count("/") == _SLASHES_OF_SUBSCRIPTION:
            _change_role(subscription.roles, new.object_id, new.role)
        else:
            _change_role(subscription.resource_roles, (new.scope, new.object_id), new.role)
        return _json(new, 201)

    async def post_resource(request: Request) -> Response:
        new = models.NewResource.model_validate_json(await request.body())
        plant_resource(world, new)
        return _json(new, 201)

    async def delete_resource(request: Request) -> Response:
        world.manager.forget_neighbours(request.query_params["id"])
        return Response(status_code=204)

    async def put_integration(request: Request) -> Response:
        change = models.Integration.model_validate_json(await request.body())
        principal = request.path_params["principal"].lower()
        world.manager.integrations.pop(principal, None)
        if change.subnet_id is not None:
            subnet = world.manager.neighbours.require(Subnet, change.subnet_id)
            world.manager.integrations[principal] = subnet.id
        return _json(change)

    return [
        Route("/roles", post_role, methods=["POST"]),
        Route("/resources", post_resource, methods=["POST"]),
        Route("/resources", delete_resource, methods=["DELETE"]),
        Route("/network/integrations/{principal}", put_integration, methods=["PUT"]),
    ]


def _change_role[Key](roles: dict[Key, Role], key: Key, role: Role | None) -> None:
    roles.pop(key, None)
    if role is not None:
        roles[key] = role


def _change_subscription(subscription: Subscription, change: models.SubscriptionChange) -> None:
    subscription.display_name = change.display_name or subscription.display_name
    subscription.state = change.state or subscription.state
    subscription.tags = subscription.tags if change.tags is None else change.tags
    if change.management_groups is not None:
        placed = [ManagementGroup(group.name, group.display_name) for group in change.management_groups]
        subscription.management_groups = placed


def _describe_hsm(hsm: HsmResource, *, deleted: bool) -> dict[str, object]:
    return {
        "name": hsm.name,
        "subscriptionId": hsm.subscription_id,
        "resourceGroup": hsm.resource_group,
        "provisioningState": hsm.state,
        "active": hsm.active,
        "createdBy": hsm.created_by,
        "exports": len(hsm.exports),
        "deleted": deleted,
    }


def _json(body: models.ControlModel, status: int = 200) -> Response:
    return JSONResponse(body.model_dump(mode="json", by_alias=True), status_code=status)
