"""The timers of an app on the host's own clock and a real database, with an invoker that records what it is asked."""

import asyncio
import json
import logging
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from local.host.clock import HostClock
from local.host.functions import Function, FunctionTimedOut, Input, InvocationFailed, WorkerDied
from local.host.timers.listener import make_manual_input, run_timers
from local.host.timers.trigger import Timer, read_timer

TEN = datetime(2100, 1, 4, 10, 0, 30, tzinfo=UTC)
PATIENCE_SECONDS = 20.0


class Call(NamedTuple):
    function: str
    at: datetime
    info: dict[str, Any]
    again: bool

    @property
    def past_due(self) -> bool:
        return bool(self.info["IsPastDue"])

    @property
    def minute(self) -> str:
        return f"{self.at:%d %H:%M}"


class Recorder:
    """Runs nothing: records each invocation, holds it while it is told to, and then ends it as it is told to."""

    def __init__(self, clock: HostClock) -> None:
        self._clock = clock
        self.calls: list[Call] = []
        self.arrived: asyncio.Queue[Call] = asyncio.Queue()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.failures: list[Exception] = []
        self.running: dict[str, int] = {}
        self.most_at_once = 0

    async def invoke(self, function: Function, inputs: Sequence[Input], *, again: bool) -> None:
        [given] = inputs
        assert (given.name, given.kind) == ("timer", "json")
        call = Call(function.name, self._clock.utc(), json.loads(given.value), again)
        self.calls.append(call)
        self.arrived.put_nowait(call)
        self.running[function.name] = self.running.get(function.name, 0) + 1
        self.most_at_once = max(self.most_at_once, self.running[function.name])
        try:
            await self.go_on.wait()
            await asyncio.sleep(0)
            if self.failures:
                raise self.failures.pop(0)
        finally:
            self.running[function.name] -= 1

    async def next(self) -> Call:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.arrived.get()


def timer(schedule: str, name: str = "sweep", **binding: Any) -> Timer:
    trigger = {"type": "timerTrigger", "name": "timer", "direction": "IN", "schedule": schedule, **binding}
    return read_timer(Function(name, name, (trigger,)), {})


def clock_at(moment: datetime) -> HostClock:
    clock = HostClock()
    move(clock, moment)
    return clock


def move(clock: HostClock, moment: datetime) -> None:
    clock.change(advance_seconds=moment.timestamp() - clock.now())


async def settle() -> None:
    """Let everything run that can run now."""
    for _ in range(20):
        await asyncio.sleep(0)


@asynccontextmanager
async def listening(
    clock: HostClock, connection: sqlite3.Connection, *timers: Timer, held: bool = False
) -> AsyncIterator[Recorder]:
    """Run a host's timers, and end them as the host does."""
    recorder = Recorder(clock)
    if held:
        recorder.go_on.clear()
    running = asyncio.create_task(run_timers(timers, recorder, clock, connection))
    await settle()
    try:
        yield recorder
        await settle()
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def connection(database: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(database, isolation_level=None)) as opened:
        yield opened


def status_of(connection: sqlite3.Connection, name: str = "sweep") -> tuple[str | None, str, str]:
    row = connection.execute("SELECT last, next, last_updated FROM timer_status WHERE function = ?", [name]).fetchone()
    assert row is not None
    last, following, updated = row
    return last, following, updated


def test_it_fires_at_each_occurrence_and_tells_the_status(connection: sqlite3.Connection) -> None:
    async def run() -> None:
        clock = clock_at(TEN)
        async with listening(clock, connection, timer("0 */5 * * * *")) as recorder:
            assert recorder.calls == []
            move(clock, TEN.replace(minute=5, second=0))
            first = await recorder.next()
            assert first.minute == "04 10:05"
            assert not first.again
            assert first.info["Schedule"] == {"AdjustForDST": True}
            assert first.info["ScheduleStatus"]["Last"] == "0001-01-01T00:00:00+00:00"
            assert first.info["ScheduleStatus"]["Next"] == "2100-01-04T10:05:00+00:00"
            assert not first.past_due
            await settle()
            move(clock, TEN.replace(minute=10, second=0))
            second = await recorder.next()
            last = datetime.fromisoformat(second.info["ScheduleStatus"]["Last"])
            assert abs(last - first.at) < timedelta(minutes=1)
            assert second.info["ScheduleStatus"]["Next"] == "2100-01-04T10:10:00+00:00"
            await settle()
            assert status_of(connection)[1] == "2100-01-04T10:15:00+00:00"
            assert len(recorder.calls) == 2

    asyncio.run(run())


def test_run_on_startup(connection: sqlite3.Connection) -> None:
    async def run() -> None:
        clock = clock_at(TEN)
        async with listening(clock, connection, timer("0 0 * * * *", runOnStartup=True)) as recorder:
            first = await recorder.next()
            assert (first.minute, first.past_due) == ("04 10:00", False)
            await settle()
            assert len(recorder.calls) == 1
            move(clock, TEN.replace(hour=11, second=0, minute=0))
            assert (await recorder.next()).minute == "04 11:00"

    asyncio.run(run())


def test_a_missed_occurrence_fires_at_the_next_start_and_is_past_due(database: Path) -> None:
    async def run() -> None:
        hourly = timer("0 0 * * * *", runOnStartup=True)
        with closing(sqlite3.connect(database, isolation_level=None)) as connection:
            async with listening(clock_at(TEN), connection, hourly) as recorder:
                assert not (await recorder.next()).past_due
        with closing(sqlite3.connect(database, isolation_level=None)) as connection:
            clock = clock_at(TEN.replace(hour=13, minute=20))
            async with listening(clock, connection, hourly) as recorder:
                late = await recorder.next()
                assert late.past_due
                assert late.info["ScheduleStatus"]["Next"] == "2100-01-04T11:00:00+00:00"
                await settle()
                assert len(recorder.calls) == 1
                move(clock, TEN.replace(hour=14, minute=0, second=0))
                again = await recorder.next()
                assert (again.minute, again.past_due) == ("04 14:00", False)

    asyncio.run(run())


def test_an_occurrence_missed_before_the_first_firing_counts_too(connection: sqlite3.Connection) -> None:
    async def run() -> None:
        async with listening(clock_at(TEN), connection, timer("0 0 * * * *")) as recorder:
            assert recorder.calls == []
        async with listening(clock_at(TEN.replace(hour=11)), connection, timer("0 0 * * * *")) as recorder:
            assert (await recorder.next()).past_due

    asyncio.run(run())


def test_a_missed_interval_is_past_due(connection: sqlite3.Connection) -> None:
    async def run() -> None:
        async with listening(clock_at(TEN), connection, timer("00:05:00", runOnStartup=True)) as recorder:
            assert not (await recorder.next()).past_due
        async with listening(clock_at(TEN + timedelta(minutes=4)), connection, timer("00:05:00")) as recorder:
            assert recorder.calls == []
        async with listening(clock_at(TEN + timedelta(minutes=6)), connection, timer("00:05:00")) as recorder:
            assert (await recorder.next()).past_due

    asyncio.run(run())


def test_a_start_before_the_next_occurrence_waits_for_it(connection: sqlite3.Connection) -> None:
    async def run() -> None:
        async with listening(clock_at(TEN), connection, timer("0 0 * * * *")):
            pass
        clock = clock_at(TEN.replace(minute=59, second=0))
        async with listening(clock, connection, timer("0 0 * * * *")) as recorder:
            assert recorder.calls == []
            move(clock, TEN.replace(hour=11, minute=0, second=0))
            assert not (await recorder.next()).past_due

    asyncio.run(run())


@pytest.mark.parametrize("schedule", ["*/20 * * * * *", "00:00:59"])
def test_a_frequent_timer_is_never_past_due_and_keeps_no_status(connection: sqlite3.Connection, schedule: str) -> None:
    nothing_is_kept(connection, timer(schedule, useMonitor=True))


def test_a_timer_without_monitor_is_never_past_due_and_keeps_no_status(connection: sqlite3.Connection) -> None:
    nothing_is_kept(connection, timer("0 0 * * * *", useMonitor=False))


def test_a_status_from_before_monitoring_was_turned_off_does_not_count(connection: sqlite3.Connection) -> None:
    async def run() -> None:
        async with listening(clock_at(TEN), connection, timer("0 0 * * * *")):
            pass
        later = clock_at(TEN + timedelta(days=1))
        async with listening(later, connection, timer("0 0 * * * *", useMonitor=False)) as recorder:
            assert recorder.calls == []

    asyncio.run(run())


def nothing_is_kept(connection: sqlite3.Connection, one: Timer) -> None:
    async def run() -> None:
        clock = clock_at(TEN)
        async with listening(clock, connection, one) as recorder:
            move(clock, TEN + timedelta(hours=1))
            first = await recorder.next()
            assert (first.past_due, first.info["ScheduleStatus"]) == (False, None)
        async with listening(clock_at(TEN + timedelta(days=1)), connection, one) as recorder:
            assert recorder.calls == []
        assert connection.execute("SELECT count(*) FROM timer_status").fetchone() == (0,)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("before", "after", "now", "following"),
    [
        # The new schedule's first occurrence has passed: it is not made up for.
        ("0 0 * * * *", "0 */5 * * * *", TEN.replace(minute=31), "2100-01-04T10:35:00+00:00"),
        # So has the old one's, and that neither.
        ("0 0 * * * *", "0 */20 * * * *", TEN.replace(hour=13, minute=31), "2100-01-04T13:40:00+00:00"),
        ("0 0 * * * *", "2.00:00:00", TEN.replace(hour=13), "2100-01-06T10:00:30"),
        # The new schedule's first occurrence is still to come.
        ("0 0 * * * *", "0 0 17 * * *", TEN.replace(hour=13), "2100-01-04T17:00:00+00:00"),
        ("0 0 17 * * *", "0 0 * * * *", TEN.replace(minute=31), "2100-01-04T11:00:00+00:00"),
    ],
)
def test_a_changed_schedule_is_not_past_due(
    connection: sqlite3.Connection, before: str, after: str, now: datetime, following: str
) -> None:
    async def run() -> None:
        async with listening(clock_at(TEN), connection, timer(before, runOnStartup=True)) as recorder:
            await recorder.next()
        async with listening(clock_at(now), connection, timer(after)) as recorder:
            assert recorder.calls == []
            last, next_, _ = status_of(connection)
            assert last is None
            assert next_.startswith(following)
        # What was reckoned anew holds: it is past due when it is missed in its turn.
        late = datetime.fromisoformat(status_of(connection)[1]) + timedelta(minutes=1)
        async with listening(clock_at(late), connection, timer(after)) as recorder:
            assert (await recorder.next()).past_due

    asyncio.run(run())


def test_a_status_from_a_clock_that_was_ahead_does_not_count(connection: sqlite3.Connection) -> None:
    async def run() -> None:
        async with listening(clock_at(TEN + timedelta(days=30)), connection, timer("0 0 * * * *")):
            pass
        clock = clock_at(TEN)
        async with listening(clock, connection, timer("0 0 * * * *")) as recorder:
            move(clock, TEN.replace(hour=11, minute=0, second=0))
            first = await recorder.next()
            assert (first.minute, first.past_due) == ("04 11:00", False)

    asyncio.run(run())


def test_invocations_do_not_overlap_and_what_one_outlasts_fires_once(connection: sqlite3.Connection) -> None:
    async def run() -> None:
        clock = clock_at(TEN)
        async with listening(clock, connection, timer("0 */5 * * * *"), held=True) as recorder:
            move(clock, TEN.replace(minute=5, second=0))
            await recorder.next()
            for minute in (10, 15, 20, 22):
                move(clock, TEN.replace(minute=minute, second=0))
                await settle()
            assert len(recorder.calls) == 1
            recorder.go_on.set()
            caught_up = await recorder.next()
            assert (caught_up.minute, caught_up.past_due) == ("04 10:22", False)
            assert caught_up.info["ScheduleStatus"]["Next"] == "2100-01-04T10:10:00+00:00"
            await settle()
            assert len(recorder.calls) == 2
            move(clock, TEN.replace(minute=25, second=0))
            assert (await recorder.next()).minute == "04 10:25"
            assert recorder.most_at_once == 1

    asyncio.run(run())


def test_an_interval_is_reckoned_from_the_beginning_of_an_invocation(connection: sqlite3.Connection) -> None:
    async def run() -> None:
        clock = clock_at(TEN)
        async with listening(clock, connection, timer("00:05:00", runOnStartup=True), held=True) as recorder:
            first = await recorder.next()
            move(clock, first.at + timedelta(minutes=3))
            recorder.go_on.set()
            await settle()
            move(clock, first.at + timedelta(minutes=4))
            await settle()
            assert len(recorder.calls) == 1
            move(clock, first.at + timedelta(minutes=5, seconds=1))
            assert (await recorder.next()).at - first.at < timedelta(minutes=6)

    asyncio.run(run())


def test_a_slow_timer_holds_up_no_other(connection: sqlite3.Connection) -> None:
    async def run() -> None:
        clock = clock_at(TEN)
        slow, quick = timer("0 0 * * * *", "slow", runOnStartup=True), timer("0 */5 * * * *", "quick")
        async with listening(clock, connection, slow, quick, held=True) as recorder:
            assert (await recorder.next()).function == "slow"
            move(clock, TEN.replace(minute=5, second=0))
            assert (await recorder.next()).function == "quick"

    asyncio.run(run())


def test_a_failed_invocation_is_one_line_and_the_schedule_goes_on(
    connection: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        clock = clock_at(TEN)
        async with listening(clock, connection, timer("0 0 * * * *")) as recorder:
            recorder.failures = [
                InvocationFailed("ValueError", "this\n  and that", "a stack"),
                WorkerDied("the worker died"),
                FunctionTimedOut("it took 5 minutes"),
            ]
            for hour in (11, 12, 13, 14):
                move(clock, TEN.replace(hour=hour, minute=0, second=0))
                call = await recorder.next()
                assert (call.minute, call.past_due) == (f"04 {hour}:00", False)
                await settle()

    with caplog.at_level(logging.ERROR, "local.host.timers"):
        asyncio.run(run())
    assert [record.getMessage() for record in caplog.records] == [
        "timer function sweep failed: ValueError: this and that",
        "timer function sweep failed: WorkerProcessDied: the worker died",
        "timer function sweep failed: FunctionTimeout: it took 5 minutes",
    ]


def test_an_error_of_the_host_itself_is_not_hidden(connection: sqlite3.Connection) -> None:
    async def run() -> None:
        clock = clock_at(TEN)
        recorder = Recorder(clock)
        recorder.failures = [KeyError("a defect")]
        await run_timers([timer("0 0 * * * *", runOnStartup=True)], recorder, clock, connection)

    with pytest.RaisesGroup(KeyError):
        asyncio.run(run())


def test_what_the_end_of_the_host_cuts_off_is_past_due_at_the_next_start(connection: sqlite3.Connection) -> None:
    async def run() -> None:
        clock = clock_at(TEN)
        async with listening(clock, connection, timer("0 0 * * * *"), held=True) as recorder:
            move(clock, TEN.replace(hour=11, minute=0, second=0))
            await recorder.next()
        async with listening(clock, connection, timer("0 0 * * * *")) as recorder:
            assert (await recorder.next()).past_due

    asyncio.run(run())


def test_a_clock_that_jumps_over_occurrences_fires_once(connection: sqlite3.Connection) -> None:
    async def run() -> None:
        clock = clock_at(TEN)
        async with listening(clock, connection, timer("0 0 */8 * * *")) as recorder:
            clock.change(advance_seconds=24 * 3600)
            jumped = await recorder.next()
            assert (jumped.minute, jumped.past_due) == ("05 10:00", False)
            assert jumped.info["ScheduleStatus"]["Next"] == "2100-01-04T16:00:00+00:00"
            await settle()
            assert len(recorder.calls) == 1
            assert status_of(connection)[1] == "2100-01-05T16:00:00+00:00"
            clock.change(advance_seconds=6 * 3600)
            assert (await recorder.next()).minute == "05 16:00"

    asyncio.run(run())


def test_a_clock_that_is_sped_up_while_timers_wait(connection: sqlite3.Connection) -> None:
    async def run() -> None:
        clock = clock_at(TEN)
        async with listening(clock, connection, timer("0 */5 * * * *")) as recorder:
            clock.change(speed=3600)
            times = [(await recorder.next()).info["ScheduleStatus"]["Next"] for _ in range(4)]
        expected = [datetime.fromisoformat(text) for text in times]
        assert expected[0] == datetime(2100, 1, 4, 10, 5, tzinfo=UTC)
        assert expected == sorted(set(expected))
        assert all(moment.minute % 5 == 0 and not moment.second for moment in expected)
        for call, due in zip(recorder.calls, expected, strict=False):
            assert call.at >= due
            assert not call.past_due

    asyncio.run(run())


def test_a_schedule_that_never_comes_says_so_and_waits(
    connection: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        clock = clock_at(TEN)
        never = timer("0 0 0 31 2 *", runOnStartup=True)
        async with listening(clock, connection, never) as recorder:
            assert not (await recorder.next()).past_due
            clock.change(speed=3600, advance_seconds=500 * 366 * 86400)
            await settle()
            assert len(recorder.calls) == 1
        async with listening(clock, connection, never) as recorder:
            assert not (await recorder.next()).past_due

    with caplog.at_level(logging.WARNING, "local.host.timers"):
        asyncio.run(run())
    warning = "timer function sweep never fires on its schedule (NCRONTAB 0 0 0 31 2 *)"
    assert [record.getMessage() for record in caplog.records] == [warning, warning]


def test_without_timers_there_is_nothing_to_do(connection: sqlite3.Connection) -> None:
    clock = clock_at(TEN)

    async def run() -> None:
        await run_timers([], Recorder(clock), clock, connection)

    asyncio.run(run())


def test_an_invocation_by_hand_is_never_past_due_and_tells_what_was_kept(connection: sqlite3.Connection) -> None:
    hourly = timer("0 0 * * * *")
    assert json.loads(make_manual_input(hourly, connection).value)["ScheduleStatus"] is None

    async def run() -> None:
        async with listening(clock_at(TEN), connection, hourly) as recorder:
            given = make_manual_input(hourly, connection)
            assert recorder.calls == []
        info = json.loads(given.value)
        assert (given.name, given.kind, info["IsPastDue"]) == ("timer", "json", False)
        assert info["ScheduleStatus"]["Next"] == "2100-01-04T11:00:00+00:00"

    asyncio.run(run())
    unmonitored = timer("0 0 * * * *", useMonitor=False)
    assert json.loads(make_manual_input(unmonitored, connection).value)["ScheduleStatus"] is None
