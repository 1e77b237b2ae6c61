"""Fires an app's timers."""

import asyncio
import logging
import sqlite3
from collections.abc import Sequence

from local.host.clock import HostClock
from local.host.functions import Input, InvocationError, Invoker
from local.host.timers.status import NEVER, TimerStatus, TimerStatuses, after_invocation, resume
from local.host.timers.trigger import Timer, make_timer_input

_log = logging.getLogger("local.host.timers")


async def run_timers(
    timers: Sequence[Timer], invoker: Invoker, clock: HostClock, connection: sqlite3.Connection
) -> None:
    """Fire each timer on the host's clock, until cancelled; without timers it returns at once.

    As Azure's listener does (github Azure/azure-webjobs-sdk-extensions, TimerListener.cs):

    - At the start, a monitored timer that missed an occurrence fires at once and is past due; any other that is to run
      on startup fires at once and is not.
    - A timer's invocations never overlap. When one has ended, the next occurrence is reckoned from its beginning. Where
      that has passed, the timer fires at once, and once for all occurrences that the invocation outlasted.
    - While the host runs, nothing is past due. A clock that jumps over three occurrences makes a timer fire once, with
      `IsPastDue` false; it goes on from the time after the jump.
    - A failed invocation is logged and not repeated; the schedule goes on. One that the host's end cuts off leaves no
      trace: its occurrence is past due at the next start.
    """
    statuses = TimerStatuses(connection)
    async with asyncio.TaskGroup() as group:
        for timer in timers:
            group.create_task(_Listener(timer, invoker, clock, statuses).run())


def make_manual_input(timer: Timer, connection: sqlite3.Connection) -> Input:
    """Give the input of an invocation by hand (`POST /admin/functions/{name}`): out of the schedule, never past due."""
    kept = TimerStatuses(connection).read(timer.function.name) if timer.monitored else None
    return make_timer_input(timer, kept, past_due=False)


class _Listener:
    def __init__(self, timer: Timer, invoker: Invoker, clock: HostClock, statuses: TimerStatuses) -> None:
        self._timer = timer
        self._invoker = invoker
        self._clock = clock
        self._statuses = statuses

    async def run(self) -> None:
        """Fire the timer, until cancelled."""
        status, missed = self._start()
        if missed or self._timer.run_on_startup:
            status = await self._fire(status, past_due=missed)
        while True:
            await self._clock.sleep_until(status.next.timestamp())
            status = await self._fire(status, past_due=False)

    def _start(self) -> tuple[TimerStatus, bool]:
        name, schedule, now = self._timer.function.name, self._timer.schedule, self._clock.utc()
        kept = self._statuses.read(name) if self._timer.monitored else None
        status = resume(schedule, kept, now)
        if status != kept:
            self._keep(status)
        if status.next == NEVER:
            _log.warning("timer function %s never fires on its schedule (%s)", name, schedule)
        elif status.next < now:
            _log.info("timer function %s (%s) missed %s and fires now", name, schedule, status.next)
        else:
            _log.info("timer function %s (%s) fires next at %s", name, schedule, status.next)
        return status, status.next < now

    async def _fire(self, status: TimerStatus, *, past_due: bool) -> TimerStatus:
        began = self._clock.utc()
        given = make_timer_input(self._timer, status if self._timer.monitored else None, past_due=past_due)
        try:
            await self._invoker.invoke(self._timer.function, [given], again=False)
        except InvocationError as failure:
            text = " ".join(str(failure).split())
            _log.error("timer function %s failed: %s: %s", self._timer.function.name, failure.error_type, text)
        status = after_invocation(self._timer.schedule, began)
        self._keep(status)
        return status

    def _keep(self, status: TimerStatus) -> None:
        if self._timer.monitored:
            self._statuses.write(self._timer.function.name, status)
