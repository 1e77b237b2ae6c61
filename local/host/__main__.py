"""`python -m local.host start`: hosts an app until it is told to stop."""

import argparse
import asyncio
import json
import logging
import os
import secrets
import sys
from pathlib import Path
from typing import Any

import uvicorn

from local.files import write_private
from local.host.dispatcher import Dispatcher
from local.host.engine import Engine
from local.host.http_server import Keys, describe_durable_client, make_http_app
from local.host.supervisor import AppNotIndexed, Supervisor
from local.lifetime import UNTIL_INPUT_ENDS, Server, open_listener, watch_for_end


def main() -> int:
    """Read the arguments and host the app until the end; gives 1 where it could not be indexed."""
    parser = argparse.ArgumentParser(prog="python -m local.host", description=__doc__)
    parser.add_argument("command", choices=["start"])
    parser.add_argument("--app-directory", type=Path, required=True)
    parser.add_argument("--state-directory", type=Path, required=True)
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument(UNTIL_INPUT_ENDS, action="store_true")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    settings = json.loads(arguments.settings.read_text())["Values"]
    app_directory = arguments.app_directory.resolve()
    supervisor = Supervisor(app_directory, settings)
    try:
        functions = supervisor.start()
    except AppNotIndexed as failure:
        sys.stderr.write(f"the app could not be indexed: {failure}\n")
        return 1
    try:
        serving = _serve(
            supervisor, functions, app_directory, arguments.state_directory, until_input_ends=arguments.until_input_ends
        )
        asyncio.run(serving)
    finally:
        supervisor.stop()
        logging.shutdown()
    # Threads that wait for a worker's answer would wait for ever: what is in flight ends with the host.
    os._exit(0)


async def _serve(
    supervisor: Supervisor,
    functions: list[dict[str, Any]],
    app_directory: Path,
    state_directory: Path,
    *,
    until_input_ends: bool,
) -> None:
    end = watch_for_end(until_input_ends=until_input_ends)
    engine = Engine()
    durable_address = engine.start()
    Dispatcher(engine, supervisor, functions).start()
    listener = open_listener()
    functions_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    keys = Keys(secrets.token_urlsafe(24), secrets.token_urlsafe(24))
    host = json.loads((app_directory / "host.json").read_text())
    prefix = host.get("extensions", {}).get("http", {}).get("routePrefix", "api")
    durable_client = describe_durable_client(functions_url, durable_address, "localhub")
    app = make_http_app(supervisor, functions, keys, durable_client, prefix)
    server = Server(
        uvicorn.Config(
            app,
            log_level="warning",
            lifespan="off",
            h11_max_incomplete_event_size=65536,
            timeout_graceful_shutdown=1,
        )
    )
    document = {
        "functionsUrl": functions_url,
        "functionsKey": keys.function,
        "masterKey": keys.master,
        "durableAddress": durable_address,
        "hostProcessId": os.getpid(),
    }
    path = state_directory / "host.json"
    write_private(path, json.dumps(document))
    try:
        # The listener is bound already, so a request that comes before the loop turns waits and is answered.
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await end.wait()
        server.should_exit = True
        await serving
    finally:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
