"""NAME.managedhsm.azure.net."""

import re

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from local.azure.core.errors import ServiceFault, no_such_endpoint, respond_to_fault
from local.azure.core.tokens import TokenAuthority
from local.azure.core.transitions import Timing
from local.azure.managed_hsm.backup_routes import make_backup_routes
from local.azure.managed_hsm.door import Door
from local.azure.managed_hsm.key_routes import make_key_routes
from local.azure.managed_hsm.models import ExportRules
from local.azure.managed_hsm.role_routes import make_role_routes
from local.azure.managed_hsm.security_domain_routes import make_security_domain_routes
from local.azure.managed_hsm.settings_routes import make_settings_routes
from local.azure.managed_hsm.storage import BackupStorage
from local.azure.resource_manager.models import ResourceManager
from local.clock import Clock


def make_managed_hsm_app(
    manager: ResourceManager,
    authority: TokenAuthority,
    rules: ExportRules,
    timing: Timing,
    storage: BackupStorage,
) -> Starlette:
    """Make the web app of all HSMs' data planes."""
    door = Door(manager, authority)

    async def find_nothing(request: Request) -> Response:
        """Answer 404 `NotInLocalAzure`: there is nothing else here."""
        door.admit(request)
        return no_such_endpoint(request)

    return Starlette(
        routes=[
            *make_security_domain_routes(door, rules, timing),
            *make_role_routes(door, timing),
            *make_settings_routes(door),
            *make_backup_routes(door, storage, timing),
            *make_key_routes(door, timing.clock),
            Route("/{path:path}", find_nothing, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        ],
        middleware=[Middleware(_with_plain_paths), Middleware(_with_hits, manager=manager, clock=timing.clock)],
        exception_handlers={ServiceFault: respond_to_fault},
    )


def _with_hits(app: ASGIApp, manager: ResourceManager, clock: Clock) -> ASGIApp:
    """Count what each HSM answers, also what it refuses."""

    async def pass_on(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            hsm = manager.find_live(Request(scope).headers.get("host", "").partition(".")[0])
            if hsm is not None and hsm.ready:
                hsm.hits.add(clock.now())
        await app(scope, receive, send)

    return pass_on


def _with_plain_paths(app: ASGIApp) -> ASGIApp:
    """Take several slashes for one, and none at the end: clients do not agree on them."""

    async def pass_on(scope: Scope, receive: Receive, send: Send) -> None:
        scope["path"] = re.sub("/+", "/", scope["path"]).rstrip("/") or "/"
        await app(scope, receive, send)

    return pass_on
