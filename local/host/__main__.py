"""`python -m local.host start`: hosts an app until it is told to stop."""

import asyncio
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


def main() -> int:
    """Host an app; gives 1, and says why in one line, where it cannot be hosted."""
    arguments = parse(sys.argv[1:])
    set_up_logging(arguments.log_format)
    try:
        asyncio.run(host(arguments))
    except _REFUSALS as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
