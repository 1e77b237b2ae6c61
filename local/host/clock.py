"""The host's clock: one for durable timers, time stamps and timer triggers."""

import sqlite3
import time
from datetime import UTC, datetime
from typing import Final

from local.clock import Clock

# Within the calendar of Python's dates, with room after it.
LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC).timestamp()
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS clock (
    only INTEGER PRIMARY KEY CHECK (only = 1), changed REAL NOT NULL, now REAL NOT NULL, speed REAL NOT NULL
)
"""


class HostClock(Clock):
    """The machine's time until a control endpoint speeds it up or moves it on."""

    def utc(self) -> datetime:
        """Give its time as a date."""
        return datetime.fromtimestamp(self.now(), UTC)


class KeptClock(HostClock):
    """A clock that goes on after a restart as it was changed, and never back."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__()
        self._connection = connection
        connection.execute(_SCHEMA)
        kept = connection.execute("SELECT changed, now, speed FROM clock").fetchone()
        if kept is not None:
            changed, now, speed = kept
            self.set(min(now + max(time.time() - changed, 0) * speed, LATEST), speed)

    def change(self, *, speed: float | None = None, advance_seconds: float = 0) -> None:
        """Go on from now at another speed, or from a later moment, also after a restart."""
        super().change(speed=speed, advance_seconds=advance_seconds)
        row = (1, time.time(), self.now(), self.speed)
        self._connection.execute("INSERT OR REPLACE INTO clock VALUES (?, ?, ?, ?)", row)
