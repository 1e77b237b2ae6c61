"""What is ready to be done: each thing once, first come first served."""

import asyncio
from collections import OrderedDict
from collections.abc import Hashable


class ReadyQueue[T: Hashable]:
    """A queue that holds each thing once at most."""

    def __init__(self) -> None:
        self._things: OrderedDict[T, None] = OrderedDict()
        self._some = asyncio.Event()

    def put(self, thing: T) -> None:
        """Add a thing, unless it waits already."""
        self._things[thing] = None
        self._some.set()

    async def take(self) -> T:
        """Wait for the first thing and take it."""
        while not self._things:
            self._some.clear()
            await self._some.wait()
        return self._things.popitem(last=False)[0]
