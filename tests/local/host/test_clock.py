"""The host's clock."""

import asyncio
import sqlite3
import time
from pathlib import Path

from local.host.clock import KeptClock
from local.host.state import open_state


def test_time_goes_on_after_a_restart_and_never_back(tmp_path: Path) -> None:
    with open_state(tmp_path) as connection:
        clock = KeptClock(connection)
        assert abs(clock.now() - time.time()) < 1
        clock.change(advance_seconds=1000)
        clock.change(speed=100)
        before = clock.now()
    time.sleep(0.05)
    with open_state(tmp_path) as connection:
        clock = KeptClock(connection)
        assert clock.speed == 100
        assert before + 5 <= clock.now() <= before + 500


def test_sleepers_notice_a_change(tmp_path: Path) -> None:
    async def sleep_an_hour(connection: sqlite3.Connection) -> None:
        clock = KeptClock(connection)
        sleeping = asyncio.create_task(clock.sleep_until(clock.now() + 3600))
        await asyncio.sleep(0.05)
        clock.change(advance_seconds=3590)
        await asyncio.sleep(0.05)
        assert not sleeping.done()
        clock.change(speed=100)
        await asyncio.wait_for(sleeping, 5)

    with open_state(tmp_path) as connection:
        asyncio.run(sleep_an_hour(connection))
