"""`python -m local.host start`: hosts an app until it is told to stop."""

import asyncio
import sqlite3
import sys

from local.host.command_line import parse
from local.host.host import PortTaken, host
from local.host.http.routes import RouteError
from local.host.keys import KeysDamaged
from local.host.logs import set_up_logging
from local.host.settings.reading import InvalidSettings
from local.host.state import StateUnusable
from local.host.timers.trigger import TimerNotValid
from local.host.worker.index import AppNotIndexed

_REFUSALS = (InvalidSettings, AppNotIndexed, RouteError, TimerNotValid, KeysDamaged, StateUnusable, PortTaken)
# The disk is full, or may not be written to, or what is on it is damaged.
_OF_THE_DISK = (OSError, sqlite3.Error)


def main() -> int:
    """Host an app; gives 1, and says why in one line, where it cannot be hosted."""
    arguments = parse(sys.argv[1:])
    set_up_logging(arguments.log_format)
    try:
        asyncio.run(host(arguments))
    except _REFUSALS as refusal:
        return _refuse(str(refusal))
    except _OF_THE_DISK as error:
        return _refuse(f"{arguments.state_directory}: {error}")
    except ExceptionGroup as group:
        first = _find_first(group)
        if not isinstance(first, _OF_THE_DISK):
            raise
        return _refuse(f"{arguments.state_directory}: {first}")
    return 0


def _find_first(error: Exception) -> Exception:
    """Find the error that a group of errors, whose parts may be groups, began with."""
    return _find_first(error.exceptions[0]) if isinstance(error, ExceptionGroup) else error


def _refuse(text: str) -> int:
    sys.stderr.write(f"{text}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
