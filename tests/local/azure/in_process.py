"""A local Azure's Entra, Graph and ARM in this process, whose state a test can look at and change."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import uvicorn
from azure.identity import ClientSecretCredential
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from local.azure.core.certificates import make_tls_files
from local.azure.core.interference import InterferenceMiddleware
from local.azure.core.proxy import start_proxy
from local.azure.core.transitions import Timing
from local.azure.entra.graph import make_graph_app
from local.azure.entra.managed_identity import make_identity_route
from local.azure.entra.models import Application
from local.azure.entra.routes import make_login_app
from local.azure.managed_hsm.models import ManagedHsm
from local.azure.resource_manager.roles import Role
from local.azure.resource_manager.routes import make_resource_manager_app
from local.azure.world import World
from local.lifetime import Server

IDENTITY_HEADER = "in-process"


class InProcess(NamedTuple):
    """What runs, and the variables by which clients find it."""

    world: World
    environment: dict[str, str]

    def sign_in(self, role: Role | None = "Contributor") -> ClientSecretCredential:
        """Register an application with a role on the subscription, and give its credential."""
        made = self.world.directory.add(Application("tests"))
        if role is not None:
            self.world.subscription.roles[made.object_id] = role
        return ClientSecretCredential(self.world.tenant_id, made.client_id, made.client_secret)

    def newest_application(self) -> Application:
        """Give the application that was registered last."""
        return list(self.world.directory.applications.values())[-1]

    def activate(self, name: str) -> None:
        """Activate an HSM without its data plane, which other tests are about."""
        hsm = self.world.manager.find_live(name)
        assert isinstance(hsm, ManagedHsm)
        self.world.timing.activation_seconds = 0
        hsm.record_export("a domain", [], 2, self.world.export_rules, self.world.timing)


@contextmanager
def running_in_process(directory: Path) -> Iterator[InProcess]:
    """Serve a world from a thread of this process until the test is done with it."""
    world = World(Timing(0, 0))
    files = make_tls_files(directory)
    services_listener, identity_listener = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
    identity_route = make_identity_route(world.directory, world.identity, IDENTITY_HEADER)
    servers = [
        Server(
            uvicorn.Config(
                _make_services(world),
                log_level="warning",
                lifespan="off",
                ssl_certfile=files.certificate,
                ssl_keyfile=files.key,
                timeout_graceful_shutdown=1,
            )
        ),
        Server(uvicorn.Config(identity_route, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)),
    ]
    ports: list[int] = []
    ready = threading.Event()

    async def serve() -> None:
        proxy = await start_proxy(services_listener.getsockname()[1])
        ports.append(proxy.sockets[0].getsockname()[1])
        ready.set()
        await asyncio.gather(servers[0].serve([services_listener]), servers[1].serve([identity_listener]))
        proxy.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ready.wait()
    proxy_url = f"http://127.0.0.1:{ports[0]}"
    environment = {
        **dict.fromkeys(("HTTPS_PROXY", "https_proxy"), proxy_url),
        **dict.fromkeys(("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"), str(files.authority)),
        "IDENTITY_ENDPOINT": f"http://127.0.0.1:{identity_listener.getsockname()[1]}/msi/token",
        "IDENTITY_HEADER": IDENTITY_HEADER,
    }
    try:
        yield InProcess(world, environment)
    finally:
        for server in servers:
            server.should_exit = True
        thread.join()


def _make_services(world: World) -> ASGIApp:
    apps: dict[str, ASGIApp] = {
        "login.microsoftonline.com": make_login_app(world.sign_ins),
        "graph.microsoft.com": InterferenceMiddleware(make_graph_app(world.directory), "entra", world.interference),
        "management.azure.com": InterferenceMiddleware(
            make_resource_manager_app(world.manager, world.directory.authority), "resource_manager", world.interference
        ),
    }

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        await apps[Request(scope).headers["host"]](scope, receive, send)

    return dispatch
