"""How long a local process runs: until a signal comes, or whoever started it is gone. Nothing may be left running."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from typing import Final

import uvicorn

_PARENT_POLL_SECONDS: Final = 0.5


class Server(uvicorn.Server):
    """A web server that leaves signals to the program."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signals."""
        yield


def watch_for_end() -> asyncio.Event:
    """Give an event that is set when this process should end; from then on signals end nothing at once."""
    end = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    return end


async def await_end(end: asyncio.Event) -> None:
    """Wait for a signal, or for the end of the parent."""
    parent = os.getppid()
    while not end.is_set() and os.getppid() == parent:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(end.wait(), _PARENT_POLL_SECONDS)
