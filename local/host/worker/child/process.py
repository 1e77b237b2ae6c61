"""The worker's process: takes invocations from the host, answers them, and ends when the host does."""

import asyncio
import io
import logging
import os
import queue
import signal
import socket
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, Final

from .log_lines import LogFormat, set_up_logging
from .messages import encode, receive
from .runtime_adapter import IndexingFailed, current_invocation, index_app, invoke

# Where an app's deployment package has its dependencies (`pip install --target`), as Azure expects them.
DEPENDENCIES: Final = Path(".python_packages/lib/site-packages")
_log = logging.getLogger("worker")

Outbox = queue.SimpleQueue[bytes]


def main() -> None:
    """Serve the host: the arguments are the inherited socket's descriptor and the format of log lines."""
    # A terminal's Ctrl-C reaches every process; the host ends this one when it is done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = socket.socket(fileno=int(sys.argv[1]))
    # What the app starts must not hold the connection open when this process is gone.
    connection.set_inheritable(False)
    log_format: LogFormat = "json" if sys.argv[2] == "json" else "text"
    app_directory = Path.cwd()
    set_up_logging(log_format, _NameInvocation())
    # It says at INFO of each invocation that there is one, which the host says at its end.
    logging.getLogger("azure.functions").setLevel(logging.WARNING)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    _open_path_to(app_directory)
    try:
        # Never closed: closing would wait for threads that run functions.
        asyncio.Runner().run(_serve(connection, app_directory))
    finally:
        os._exit(1)


class _NameInvocation(logging.Filter):
    """Lets every record through, and adds whose it is."""

    def filter(self, record: logging.LogRecord) -> bool:
        function, invocation_id = current_invocation()
        record.__dict__.update(function=function, invocationId=invocation_id)
        return True


def _open_path_to(app_directory: Path) -> None:
    """Let the app's own modules be found first, then the dependencies that it brings, then what is installed here.

    Azure has the same order (azure-functions-python-worker, utils/dependency.py).
    """
    brought = app_directory / DEPENDENCIES
    sys.path[:0] = [str(app_directory), *([str(brought)] if brought.is_dir() else [])]


async def _serve(connection: socket.socket, app_directory: Path) -> None:
    loop = asyncio.get_running_loop()
    outbox: Outbox = queue.SimpleQueue()
    running: set[asyncio.Task[None]] = set()

    def begin(message: dict[str, Any]) -> None:
        task = asyncio.create_task(_answer(message, outbox))
        running.add(task)
        task.add_done_callback(running.discard)

    def take() -> None:
        """Take messages on a thread of its own: a function that blocks must not hide that the host is gone."""
        while (message := receive(connection)) is not None:
            loop.call_soon_threadsafe(begin, message)
        os._exit(0)

    def give() -> None:
        """Send on a thread of its own: if both sides only wrote, both would wait for ever."""
        while True:
            try:
                connection.sendall(outbox.get())
            except OSError:
                os._exit(0)

    threading.Thread(target=take, name="receiver", daemon=True).start()
    threading.Thread(target=give, name="sender", daemon=True).start()
    try:
        outbox.put(encode({"functions": await index_app(app_directory)}))
    except IndexingFailed as failure:
        outbox.put(encode({"failure": str(failure)}))
    # Either the host ends this process or the receiver sees that there is no host any more.
    await asyncio.Event().wait()


async def _answer(message: dict[str, Any], outbox: Outbox) -> None:
    try:
        result = await invoke(message["id"], message["functionId"], message["inputs"])
        answer = encode({"id": message["id"], **result})
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the boundary: whoever waits is told
        failure = {"type": type(error).__name__, "message": str(error), "stack": traceback.format_exc()}
        answer = encode({"id": message["id"], "error": failure})
    except BaseException as error:  # noqa: BLE001 - as on Azure, sys.exit in a function ends the worker
        _log.error("a function ended the worker: %r", error)
        os._exit(1)
    outbox.put(answer)
