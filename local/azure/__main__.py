"""A local Azure until it is told to stop (`start`), or the page that says what it does (`coverage`)."""

import argparse
import asyncio
import logging
import secrets
import sys
from pathlib import Path

import uvicorn
from pydantic import ValidationError
from starlette.applications import Starlette

from local.azure.blob_storage.azurite import ACCOUNT_HOST, await_azurite, start_azurite
from local.azure.blob_storage.forwarding import Forwarder
from local.azure.control.event_grid_routes import make_event_grid_control_routes
from local.azure.control.routes import make_control_routes, respond_to_bad_input
from local.azure.core.certificates import TlsFiles, make_tls_files
from local.azure.core.errors import ServiceFault, respond_to_fault
from local.azure.core.proxy import start_proxy
from local.azure.core.transitions import Timing
from local.azure.coverage import make_page
from local.azure.endpoints import Endpoints
from local.azure.entra.managed_identity import make_identity_route
from local.azure.services import make_apps, make_courier, make_services
from local.azure.world import DEFAULT_VAULT, World
from local.files import to_shell, write_private
from local.lifetime import UNTIL_INPUT_ENDS, Server, open_listener, watch_for_end


async def serve(state_directory: Path, timing: Timing, *, until_input_ends: bool) -> None:
    """Start everything, say where it is, and run until a signal comes."""
    end = watch_for_end(until_input_ends=until_input_ends)
    files = make_tls_files(state_directory)
    azurite = start_azurite(state_directory, files)
    forwarder = Forwarder(azurite.port, files)
    document, environment_file = state_directory / "azure.json", state_directory / "azure.env"
    try:
        world = World(timing)
        header = secrets.token_urlsafe(24)
        courier = make_courier(world, azurite.port, files)
        routes = [
            *make_control_routes(world),
            *make_event_grid_control_routes(world, courier),
            make_identity_route(world.directory, world.identity, header),
        ]
        handlers = {ValidationError: respond_to_bad_input, ServiceFault: respond_to_fault}
        control = Starlette(routes=routes, exception_handlers=handlers)
        services_listener, control_listener = (open_listener() for _ in range(2))
        services = Server(
            uvicorn.Config(
                make_services(
                    make_apps(world, azurite.port, files, courier, forwarder), world.interference, timing.clock
                ),
                log_level="warning",
                lifespan="off",
                # Services say by themselves what time it is (`with_date`).
                date_header=False,
                ssl_certfile=files.certificate,
                ssl_keyfile=files.key,
                timeout_keep_alive=60,
                timeout_graceful_shutdown=2,
            )
        )
        controls = Server(
            uvicorn.Config(
                control,
                log_level="warning",
                lifespan="off",
                # A connection that is closed just as it is used again fails whoever uses it.
                timeout_keep_alive=3600,
                timeout_graceful_shutdown=2,
            )
        )
        proxy = await start_proxy(services_listener.getsockname()[1])
        running = [
            asyncio.create_task(services.serve([services_listener])),
            asyncio.create_task(controls.serve([control_listener])),
        ]
        await await_azurite(azurite, files)
        control_url = f"http://127.0.0.1:{control_listener.getsockname()[1]}"
        proxy_url = f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
        endpoints = _describe(world, files, proxy_url, control_url, header)
        write_private(environment_file, to_shell(endpoints.client_environment()))
        write_private(document, endpoints.model_dump_json(by_alias=True))
        if not until_input_ends:
            sys.stdout.write(f"the local Azure answers; clients: {environment_file}; end: Ctrl-C\n")
            sys.stdout.flush()
        await end.wait()
        services.should_exit = controls.should_exit = True
        proxy.close()
        await asyncio.gather(*running)
    finally:
        for file in (document, environment_file):
            file.unlink(missing_ok=True)
        await forwarder.close()
        azurite.stop()


def _describe(world: World, files: TlsFiles, proxy_url: str, control_url: str, header: str) -> Endpoints:
    return Endpoints(
        proxy_url=proxy_url,
        ca_bundle=str(files.authority),
        control_url=control_url,
        identity_endpoint=f"{control_url}/msi/token",
        identity_header=header,
        identity_client_id=world.identity.client_id,
        identity_object_id=world.identity.object_id,
        client_id=world.developer.client_id,
        client_secret=world.developer.client_secret,
        tenant_id=world.tenant_id,
        other_tenant_id=world.other_tenant_id,
        subscription_id=world.subscription.id,
        other_tenant_subscription_id=world.other_subscription_id,
        storage_account_url=f"https://{ACCOUNT_HOST}",
        key_vault_url=f"https://{DEFAULT_VAULT}.vault.azure.net",
    )


def main() -> int:
    """Read the arguments and run."""
    arguments = _read_arguments()
    if arguments.command == "coverage":
        sys.stdout.write(make_page())
        return 0
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    directory = arguments.state_directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    timing = Timing(arguments.provisioning_seconds, arguments.activation_seconds)
    asyncio.run(serve(directory, timing, until_input_ends=arguments.until_input_ends))
    return 0


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.azure", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("start", help="run until a signal comes")
    start.add_argument("--state-directory", type=Path, required=True, help="where it says what clients need")
    start.add_argument("--provisioning-seconds", type=float, default=10)
    start.add_argument("--activation-seconds", type=float, default=5)
    start.add_argument(UNTIL_INPUT_ENDS, action="store_true")
    commands.add_parser("coverage", help="print what is done, left out and assumed, operation by operation")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
