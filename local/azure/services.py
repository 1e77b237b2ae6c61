"""All services of the local Azure, by their host names."""

from collections.abc import Mapping
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from local.azure.application_insights.routes import make_application_insights_app
from local.azure.blob_storage.forwarding import Forwarder
from local.azure.blob_storage.routes import make_blob_app
from local.azure.core.certificates import TlsFiles
from local.azure.core.dates import with_date
from local.azure.core.interference import Interference, InterferenceMiddleware
from local.azure.entra.graph import make_graph_app
from local.azure.entra.routes import make_login_app
from local.azure.event_grid.courier import Courier
from local.azure.event_grid.routes import make_event_grid_app
from local.azure.key_vault.routes import make_key_vault_app
from local.azure.managed_hsm.routes import make_managed_hsm_app
from local.azure.managed_hsm.storage import BackupStorage
from local.azure.resource_manager.routes import make_resource_manager_app
from local.azure.world import World
from local.clock import Clock


class ServiceApp(NamedTuple):
    """A web app, and the package of the service that it belongs to."""

    service: str
    app: ASGIApp


def make_courier(world: World, azurite_port: int, files: TlsFiles) -> Courier:
    """Make what delivers events, and keeps those that it cannot deliver in the storage account."""
    return Courier(world.timing.clock, BackupStorage(azurite_port, files, world.directory.authority))


def make_apps(
    world: World, azurite_port: int, files: TlsFiles, courier: Courier, forwarder: Forwarder
) -> dict[str, ServiceApp]:
    """Make the web apps, each under its host name, or under what follows the first or second dot of its host names."""
    authority, storage = world.directory.authority, BackupStorage(azurite_port, files, world.directory.authority)
    hsms = make_managed_hsm_app(world.manager, authority, world.export_rules, world.timing, storage)
    return {
        "login.microsoftonline.com": ServiceApp("entra", make_login_app(world.sign_ins)),
        "graph.microsoft.com": ServiceApp("entra", make_graph_app(world.directory)),
        "management.azure.com": ServiceApp("resource_manager", make_resource_manager_app(world.manager, authority)),
        "managedhsm.azure.net": ServiceApp("managed_hsm", hsms),
        "vault.azure.net": ServiceApp("key_vault", make_key_vault_app(world.vaults, authority)),
        "blob.core.windows.net": ServiceApp("blob_storage", make_blob_app(forwarder, authority, world.storage)),
        "eventgrid.azure.net": ServiceApp(
            "event_grid", make_event_grid_app(world.event_grid, authority, world.timing.clock, courier)
        ),
        "in.applicationinsights.azure.com": ServiceApp(
            "application_insights", make_application_insights_app(world.telemetry, authority)
        ),
    }


def make_services(apps: Mapping[str, ServiceApp], interference: Interference, clock: Clock) -> ASGIApp:
    """Make one web app of all services, which tells them apart by their host names."""
    wrapped = {
        host: InterferenceMiddleware(with_date(app, clock), service, interference)
        for host, (service, app) in apps.items()
    }

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        host = Request(scope).headers.get("host", "").partition(":")[0].lower()
        parent = host.partition(".")[2]
        found = (wrapped.get(name) for name in (host, parent, parent.partition(".")[2]))
        app: ASGIApp = next((app for app in found if app is not None), Response(status_code=404))
        await app(scope, receive, send)

    return dispatch
