"""The child process that runs the app; it ends when its host does."""

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from local.host.messages import encode, receive
from local.host.runtime_adapter import IndexingFailed, index_app, invoke


def main() -> None:
    """Serve the host at the inherited socket; the arguments are its descriptor and the app's directory."""
    # A terminal's Ctrl-C reaches every process; the host ends this one when it is done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    connection = socket.socket(fileno=int(sys.argv[1]))
    app_directory = Path(sys.argv[2])
    sys.path.insert(0, str(app_directory))
    os.chdir(app_directory)
    try:
        asyncio.run(_serve(connection, app_directory))
    finally:
        # A thread that waits for the host, or runs a function, would keep a process alive that serves nobody.
        os._exit(1)


async def _serve(connection: socket.socket, app_directory: Path) -> None:
    try:
        functions = await index_app(app_directory)
    except IndexingFailed as failure:
        connection.sendall(encode({"failure": str(failure)}))
        return
    sending = threading.Lock()
    loop = asyncio.get_running_loop()
    running: set[asyncio.Task[None]] = set()

    def send(document: dict[str, Any]) -> None:
        with sending:
            connection.sendall(encode(document))

    async def answer(message: dict[str, Any]) -> None:
        try:
            result = await invoke(message["functionId"], message["inputs"])
        except Exception as error:  # noqa: BLE001 - the boundary: whoever waits is told, whatever it is
            result = {"error": {"type": type(error).__name__, "message": str(error), "stack": traceback.format_exc()}}
        await loop.run_in_executor(None, send, {"id": message["id"], **result})

    def begin(message: dict[str, Any]) -> None:
        task = asyncio.create_task(answer(message))
        running.add(task)
        task.add_done_callback(running.discard)

    def take() -> None:
        """Take messages on a thread of its own: those that send may all be busy, and then the host would wait."""
        while (message := receive(connection)) is not None:
            loop.call_soon_threadsafe(begin, message)
        # The host is gone, and with it whoever wanted the answers.
        os._exit(0)

    send({"functions": functions})
    threading.Thread(target=take, name="receiver", daemon=True).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    main()
