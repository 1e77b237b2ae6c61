"""What happens by itself once its time has come on the local Azure's clock."""

import heapq
import itertools
from collections.abc import Callable

from local.clock import Clock


class Agenda:
    """Effects with their times; each takes place when someone looks after its time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def plan(self, time: float, effect: Callable[[], None]) -> None:
        """Plan an effect for a time on the clock."""
        heapq.heappush(self._entries, (time, next(self._numbers), effect))

    def settle(self) -> None:
        """Let everything happen whose time has come, in its order."""
        while self._entries and self._entries[0][0] <= self._clock.now():
            heapq.heappop(self._entries)[2]()
