"""What the service tells Application Insights of itself: spans and measurements, given to a thread that sends them.

Without APPLICATIONINSIGHTS_CONNECTION_STRING nothing is recorded, loaded or started. Nothing here raises or waits: what
cannot be sent is lost, and what is done goes on.
"""

import contextlib
import logging
import os
import queue
import threading
import time
from functools import lru_cache
from typing import Final, NamedTuple

from domain.spans import Attributes, Span

CONNECTION_STRING: Final = "APPLICATIONINSIGHTS_CONNECTION_STRING"
_KEPT: Final = 4096
# What sends is loaded after the first request was answered, which loads much itself.
_PATIENCE_SECONDS: Final = 1.0
_log = logging.getLogger("hsm_provisioner.telemetry")


class Measurement(NamedTuple):
    """A value of one of our metrics, which `clients.telemetry_export` lists."""

    name: str
    value: float
    attributes: Attributes


_waiting: Final[queue.Queue[Span | Measurement]] = queue.Queue(_KEPT)


def is_on() -> bool:
    """Say whether anybody wants to know."""
    return bool(os.environ.get(CONNECTION_STRING))


def tell(*items: Span | Measurement) -> None:
    """Have items sent, soon and by another thread; what there is no room for is dropped."""
    if not is_on():
        return
    _start()
    with contextlib.suppress(queue.Full):
        for item in items:
            _waiting.put_nowait(item)


@lru_cache(maxsize=1)
def _start() -> None:
    threading.Thread(target=_send_for_ever, name="telemetry", daemon=True).start()


def _send_for_ever() -> None:
    time.sleep(_PATIENCE_SECONDS)
    try:
        from clients.telemetry_export import make_export

        export = make_export(os.environ[CONNECTION_STRING])
        while True:
            export(_waiting.get())
    except Exception as error:  # noqa: BLE001 - the service goes on without; the text may hold the setting
        _log.error("telemetry is not sent any more: %s", type(error).__name__)
