"""How long a local process runs: until a signal comes, or whoever started it is gone. Nothing may be left running.

A process that another starts has the reading end of a pipe as its standard input. The pipe ends with the other
process, however that ended, and whenever.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterator
from typing import Final

import uvicorn

UNTIL_INPUT_ENDS: Final = "--until-input-ends"


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
