"""The task hub: the store, what is ready in it, what somebody has of it, and its transactions.

All state is in the store; in memory are only the queues of what is ready and the work that somebody has, both made
again from the store at a start.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from local.host.clock import HostClock
from local.host.engine.change import Change
from local.host.engine.ready import ReadyQueue
from local.host.engine.store import Store


class Limits(NamedTuple):
    """What host.json says of the task hub."""

    maximum_actions: int = 100_000
    entity_batch: int = 5_000
    default_version: str | None = None
    replace_running: bool = False


class TaskHub:
    """One task hub; all of it runs on one event loop."""

    def __init__(self, store: Store, clock: HostClock, limits: Limits) -> None:
        self.store = store
        self.clock = clock
        self.limits = limits
        self.ready_instances: ReadyQueue[str] = ReadyQueue()
        self.ready_activities: ReadyQueue[int] = ReadyQueue()
        self.ready_entities: ReadyQueue[str] = ReadyQueue()
        self.busy_entities: set[str] = set()
        self.alarms_added = asyncio.Event()
        self._waiters: dict[str, set[asyncio.Future[None]]] = {}
        self._take_up_work()

    def _take_up_work(self) -> None:
        """Have done again whatever nobody has completed."""
        for instance_id in self.store.instances_with_mail():
            self.ready_instances.put(instance_id)
        for number in self.store.activity_numbers():
            self.ready_activities.put(number)
        for entity_id in self.store.entities_with_operations():
            self.ready_entities.put(entity_id)

    @contextmanager
    def change(self) -> Iterator[Change]:
        """Change something, all of it or nothing; what became ready is told once it lasts."""
        change = Change(self.store, self.clock.now(), self.limits.default_version, self.busy_entities)
        self.store.begin()
        try:
            yield change
        except BaseException:
            self.store.roll_back()
            raise
        self.store.commit()
        self._tell(change)

    def _tell(self, change: Change) -> None:
        for instance_id in change.orchestrations:
            self.ready_instances.put(instance_id)
        for number in change.activities:
            self.ready_activities.put(number)
        for entity_id in change.entities:
            self.ready_entities.put(entity_id)
        for instance_id in change.touched:
            for waiter in self._waiters.get(instance_id, ()):
                if not waiter.done():
                    waiter.set_result(None)
        if change.alarms_added:
            self.alarms_added.set()

    async def next_change_of(self, instance_id: str) -> None:
        """Wait until an instance got on, or is gone."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiters = self._waiters.setdefault(instance_id, set())
        waiters.add(waiter)
        try:
            await waiter
        finally:
            waiters.discard(waiter)
            if not waiters:
                self._waiters.pop(instance_id, None)
