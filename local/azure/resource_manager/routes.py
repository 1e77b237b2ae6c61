"""management.azure.com."""

import re
from functools import wraps
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.azure.core.errors import ServiceFault, no_such_endpoint, respond_to_fault
from local.azure.core.tokens import TokenAuthority
from local.azure.resource_manager import (
    activity_routes,
    hsm_routes,
    identity_routes,
    lock_routes,
    metric_routes,
    private_link_routes,
    subscription_routes,
)
from local.azure.resource_manager.callers import read_caller
from local.azure.resource_manager.calls import Call, Handler
from local.azure.resource_manager.descriptions import describe_subscription
from local.azure.resource_manager.graph_routes import make_graph_route
from local.azure.resource_manager.models import ResourceManager, challenge
from local.azure.resource_manager.monitor import routes as monitor_routes
from local.azure.resource_manager.network import routes as network_routes
from local.azure.resource_manager.pages import respond_with_page

AUDIENCES: Final = ["https://management.azure.com", "https://management.core.windows.net"]
ROUTES: Final = (
    *subscription_routes.ROUTES,
    *hsm_routes.ROUTES,
    *private_link_routes.ROUTES,
    *identity_routes.ROUTES,
    *lock_routes.ROUTES,
    *metric_routes.ROUTES,
    *activity_routes.ROUTES,
    *network_routes.ROUTES,
    *monitor_routes.ROUTES,
)


def make_resource_manager_app(manager: ResourceManager, authority: TokenAuthority) -> Starlette:
    """Make the web app of ARM; its paths are matched whatever their case."""

    def enter(request: Request) -> dict[str, Any]:
        tenants = {subscription.tenant_id for subscription in manager.subscriptions.values()}
        try:
            claims = authority.validate(request, AUDIENCES, other_tenants=tenants)
        except ServiceFault as fault:
            raise ServiceFault(401, fault.code, fault.message, challenge(authority.tenant_id)) from None
        if "api-version" not in request.query_params:
            raise ServiceFault(400, "MissingApiVersionParameter", "The api-version query parameter is required.")
        return claims

    def make_route(method: str, path: str, handler: Handler) -> Route:
        @wraps(handler)
        async def handle(request: Request) -> Response:
            try:
                return await handler(Call(request, manager, enter(request)))
            finally:
                manager.graph.notice()

        return _any_case(Route(path, handle, methods=[method]))

    async def list_subscriptions(request: Request) -> Response:
        """List the subscriptions of the caller's tenant in which the caller has a role."""
        caller = read_caller(enter(request))
        visible = [
            describe_subscription(subscription)
            for subscription in manager.subscriptions.values()
            if subscription.tenant_id == caller.tenant_id and subscription.is_visible_to(caller.principals)
        ]
        return respond_with_page(request, visible, manager.page_size)

    async def list_tenants(request: Request) -> Response:
        """List the tenants: the caller's, with its id alone."""
        tenant = enter(request)["tid"]
        return JSONResponse({"value": [{"id": f"/tenants/{tenant}", "tenantId": tenant}]})

    async def find_nothing(request: Request) -> Response:
        """Answer 404 `NotInLocalAzure`: there is nothing else here."""
        enter(request)
        return no_such_endpoint(request)

    routes = [
        _any_case(Route("/subscriptions", list_subscriptions)),
        _any_case(Route("/tenants", list_tenants)),
        _any_case(make_graph_route(manager, enter)),
        *(make_route(method, path, handler) for method, path, handler in ROUTES),
        Route("/{path:path}", find_nothing, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
    ]
    return Starlette(routes=routes, exception_handlers={ServiceFault: respond_to_fault})


def _any_case(route: Route) -> Route:
    """Match a path whatever its case, as ARM's clients do not agree on it, and with empty parts.

    The Azure CLI names a resource without a parent by two slashes (`az lock`).
    """
    route.path_regex = re.compile(re.sub(r"/(?!\])", "/+", route.path_regex.pattern), re.IGNORECASE)
    return route
