"""Time on this machine that can be sped up and moved on; tokens and certificates keep to the machine's own."""

import asyncio
import time
from datetime import UTC, datetime


class Clock:
    """Runs from the machine's time at first; then at any speed, and with jumps forward, which a sleeper notices."""

    def __init__(self) -> None:
        self._speed = 1.0
        self._base = time.time()
        self._since = time.monotonic()
        self._changed = asyncio.Event()

    @property
    def speed(self) -> float:
        """How many of its seconds pass in one of the machine's."""
        return self._speed

    def now(self) -> float:
        """Give its time in seconds since the epoch."""
        return self._base + (time.monotonic() - self._since) * self._speed

    def date(self) -> datetime:
        """Give its time as a date, to the second, in UTC."""
        return datetime.fromtimestamp(int(self.now()), UTC)

    def set(self, now: float, speed: float) -> None:
        """Go on from a time, in seconds since the epoch, at a speed."""
        self._base, self._since, self._speed = now, time.monotonic(), speed

    def change(self, *, speed: float | None = None, advance_seconds: float = 0) -> None:
        """Go on from now at another speed, or from a later moment, and wake whoever sleeps."""
        self.set(self.now() + advance_seconds, self._speed if speed is None else speed)
        self._changed.set()
        self._changed = asyncio.Event()

    async def sleep_until(self, moment: float) -> None:
        """Sleep until a time given in seconds since the epoch; returns at once where it has passed."""
        while (left := moment - self.now()) > 0:
            changed = self._changed
            try:
                async with asyncio.timeout(left / self.speed):
                    await changed.wait()
            except TimeoutError:
                continue
