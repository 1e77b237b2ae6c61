"""One worker: a child process at the other end of a pair of sockets."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from local.host.worker.child import start
from local.host.worker.child.log_lines import LogFormat
from local.host.worker.child.messages import read

# Large answers are read in few steps.
BUFFER_BYTES: Final = 1 << 20


class Worker:
    """A running worker. Its standard output and error are the host's."""

    def __init__(
        self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._watch = asyncio.create_task(self._stop_reading_after_end())

    @property
    def process_id(self) -> int | None:
        """Its process; None after its end."""
        return self._process.pid if self._process.returncode is None else None

    def send(self, message: bytes) -> None:
        """Send a message, without waiting: a worker that is slow to take holds up nobody."""
        self._writer.write(message)

    async def receive(self) -> dict[str, Any] | None:
        """Receive a message; None when the worker is gone and everything that it said was received."""
        return await read(self._reader)

    def kill(self) -> None:
        """Kill the process, which may be gone already, and what it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def end(self) -> int:
        """Kill it, see it gone, and give its exit code (negative: the signal that killed it)."""
        self.kill()
        code = await self._process.wait()
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()
        await asyncio.wait([self._watch])
        return code

    async def _stop_reading_after_end(self) -> None:
        """End the reading after the process, since what that forked may hold the other end open."""
        await self._process.wait()
        with contextlib.suppress(OSError):
            # What the worker sent before its end can still be read.
            self._writer.get_extra_info("socket").shutdown(socket.SHUT_RD)


async def start_worker(app_directory: Path, environment: Mapping[str, str], log_format: LogFormat) -> Worker:
    """Start a worker in the app's directory; it begins to index the app at once."""
    ours, theirs = socket.socketpair()
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            # Nothing of this repository may be found in the worker: an app has modules of the same names.
            "-P",
            start.__file__,
            str(theirs.fileno()),
            log_format,
            pass_fds=[theirs.fileno()],
            env={name: value for name, value in environment.items() if name != "PYTHONPATH"},
            stdin=asyncio.subprocess.DEVNULL,
            # With a group of its own, what the app starts ends with it; and signals to the host do not reach it.
            start_new_session=True,
            cwd=app_directory,
        )
        reader, writer = await asyncio.open_connection(sock=ours, limit=BUFFER_BYTES)
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return Worker(process, reader, writer)
