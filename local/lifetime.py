"""How long a local process runs: until a signal comes, or whoever started it is gone. Nothing may be left running.

A process that another starts has the reading end of a pipe as its standard input. The pipe ends with the other
process, however that ended, and whenever.
"""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Final

import uvicorn

UNTIL_INPUT_ENDS: Final = "--until-input-ends"


def open_listener(port: int = 0) -> socket.socket:
    """Listen on a port of 127.0.0.1, by default a free one, without Nagle's algorithm; raises OSError.

    asyncio turns that off by itself only for sockets that were made with a protocol number, as these are not: then each
    answer in two parts takes 40 ms longer. Accepted sockets inherit it.
    """
    listener = socket.create_server(("127.0.0.1", port))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


class Server(uvicorn.Server):
    """A web server that leaves signals to the program."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signals."""
        yield


def watch_for_end(*, until_input_ends: bool) -> asyncio.Event:
    """Give an event that is set when this process should end; from then on signals end nothing at once."""
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, end.set)
    if until_input_ends:
        loop.add_reader(sys.stdin.fileno(), end.set)
    return end
