"""When each timer fired last and fires next; it outlives the host."""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from local.host.timers.schedule import Schedule

NEVER: Final = datetime.max.replace(tzinfo=UTC)
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS timer_status (
    function TEXT PRIMARY KEY,
    last TEXT,
    next TEXT NOT NULL,
    last_updated TEXT NOT NULL
) STRICT
"""
_WRITE: Final = """
INSERT INTO timer_status (function, last, next, last_updated) VALUES (?, ?, ?, ?)
ON CONFLICT (function) DO UPDATE SET last = excluded.last, next = excluded.next, last_updated = excluded.last_updated
"""


@dataclass(frozen=True)
class TimerStatus:
    """Times in UTC: when its last invocation began, its next occurrence, and from when that was reckoned."""

    last: datetime | None
    next: datetime
    last_updated: datetime


class TimerStatuses:
    """The statuses of the monitored timers, by function, in a table of their own; each write is a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.execute(_TABLE)

    def read(self, function: str) -> TimerStatus | None:
        """Give a function's status; None where none was ever written."""
        query = "SELECT last, next, last_updated FROM timer_status WHERE function = ?"
        row = self._connection.execute(query, [function]).fetchone()
        if row is None:
            return None
        last, next_, last_updated = row
        return TimerStatus(
            datetime.fromisoformat(last) if last else None,
            datetime.fromisoformat(next_),
            datetime.fromisoformat(last_updated),
        )

    def write(self, function: str, status: TimerStatus) -> None:
        """Keep a function's status."""
        last = status.last.isoformat() if status.last else None
        row = [function, last, status.next.isoformat(), status.last_updated.isoformat()]
        self._connection.execute(_WRITE, row)


def after_invocation(schedule: Schedule, began: datetime) -> TimerStatus:
    """Give the status after an invocation that began at a moment."""
    return TimerStatus(began, schedule.next_after(began) or NEVER, began)


def resume(schedule: Schedule, kept: TimerStatus | None, now: datetime) -> TimerStatus:
    """Give the status from which a host that starts now goes on; where `next` has passed, an occurrence was missed.

    A schedule that would not have given the `next` that was kept has changed since: what it missed does not count, and
    it begins anew (github Azure/azure-webjobs-sdk-extensions, ScheduleMonitor.CheckPastDueAsync). So does a timer
    whose status comes from a clock that was ahead of this one, as a host's that was moved on.
    """
    if kept is None or kept.last_updated > now:
        return _begin(schedule, now)
    expected = schedule.next_after(kept.last_updated) or NEVER
    if kept.next == expected:
        return kept
    return TimerStatus(None, expected, kept.last_updated) if expected >= now else _begin(schedule, now)


def _begin(schedule: Schedule, now: datetime) -> TimerStatus:
    return TimerStatus(None, schedule.next_after(now) or NEVER, now)
