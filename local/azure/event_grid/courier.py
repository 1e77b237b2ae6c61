"""Takes events to webhooks, again and again if need be, on the local Azure's clock."""

import asyncio
import random
from collections.abc import Coroutine, Iterator, Sequence
from typing import Final

import httpx

from local.azure.event_grid import retrying
from local.azure.event_grid.dead_letters import DELAY_SECONDS, write_dead_letter
from local.azure.event_grid.models import Attempt, Delivery, EventSubscription, State
from local.azure.event_grid.webhooks import send_events, shake_hands
from local.azure.managed_hsm.storage import BackupStorage, StorageFailureError
from local.clock import Clock

# Of the machine's time: a webhook does not run faster on a fast clock.
ACKNOWLEDGEMENT_SECONDS: Final = 30


class Courier:
    """Sends what is in subscriptions' outboxes; the events of a request live and die together."""

    def __init__(
        self, clock: Clock, storage: BackupStorage, *, acknowledgement_seconds: float = ACKNOWLEDGEMENT_SECONDS
    ) -> None:
        self._clock = clock
        self._storage = storage
        self._seconds = acknowledgement_seconds
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        self._client = httpx.AsyncClient(trust_env=False, timeout=acknowledgement_seconds, limits=limits)
        self._tasks: set[asyncio.Task[None]] = set()

    async def shake_hands(self, subscription: EventSubscription, source: str) -> None:
        """Have a webhook say that it wants events; raises ServiceFault 400 where it does not."""
        await shake_hands(self._client, subscription, source, self._clock.now())

    def send(self, subscription: EventSubscription) -> None:
        """Begin to send what is in an outbox, unless it is held."""
        if subscription.disorder.hold or not subscription.outbox:
            return
        waiting, subscription.outbox = subscription.outbox, []
        order = subscription.disorder.order
        if order == "reversed":
            waiting.reverse()
        elif order == "shuffled":
            random.shuffle(waiting)
        self._begin(self._set_out(subscription, waiting, one_by_one=order != "published"))

    async def _set_out(self, subscription: EventSubscription, waiting: Sequence[Delivery], *, one_by_one: bool) -> None:
        await self._clock.sleep_until(self._clock.now() + subscription.disorder.delay_seconds)
        for batch in _divide(waiting, subscription.settings.max_events_per_batch):
            if one_by_one:
                await self._attempt(batch)
                self._begin(self._pursue(batch))
            else:
                self._begin(self._carry(batch))

    async def _carry(self, batch: Sequence[Delivery]) -> None:
        await self._attempt(batch)
        await self._pursue(batch)

    async def _pursue(self, batch: Sequence[Delivery]) -> None:
        """Go on after the first attempt until the events are acknowledged or given up."""
        first = batch[0]
        while first.attempts[-1].outcome != retrying.SUCCESS:
            policy = first.subscription.settings.retry_policy
            reason = retrying.find_reason_to_end(first.attempts, policy)
            if reason is None:
                await self._clock.sleep_until(first.attempts[-1].time + retrying.find_pause(first.attempts))
                age = self._clock.now() - first.published
                reason = retrying.EXPIRED if age >= policy.event_time_to_live_in_minutes * 60 else None
            if first.subscription.deleted:
                _end(batch, "dropped")
                return
            if reason is not None:
                await self._give_up(batch, reason)
                return
            await self._attempt(batch)
        _end(batch, "delivered")

    async def _attempt(self, batch: Sequence[Delivery]) -> None:
        status: int | None = None
        try:
            async with asyncio.timeout(self._seconds):
                status = await send_events(self._client, batch)
        except (TimeoutError, httpx.TimeoutException):
            outcome = retrying.TIMED_OUT
        except httpx.TransportError:
            outcome = retrying.SOCKET_ERROR
        else:
            outcome = retrying.name_outcome(status)
        attempt = Attempt(self._clock.now(), status, outcome)
        for delivery in batch:
            delivery.attempts.append(attempt)

    async def _give_up(self, batch: Sequence[Delivery], reason: str) -> None:
        for delivery in batch:
            delivery.dead_letter_reason = reason
        container = batch[0].subscription.settings.dead_letter_container
        if container is None:
            _end(batch, "dropped")
            return
        _end(batch, "deadLettering")
        await self._clock.sleep_until(batch[0].attempts[-1].time + DELAY_SECONDS)
        try:
            name = await write_dead_letter(self._storage, container, batch, reason, self._clock.now())
        except (StorageFailureError, httpx.TransportError):
            _end(batch, "dropped")
            return
        for delivery in batch:
            delivery.dead_letter_blob = name
        _end(batch, "deadLettered")

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        # The loop itself does not keep tasks.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _divide(waiting: Sequence[Delivery], size: int) -> Iterator[Sequence[Delivery]]:
    for begin in range(0, len(waiting), size):
        yield waiting[begin : begin + size]


def _end(batch: Sequence[Delivery], state: State) -> None:
    for delivery in batch:
        delivery.state = state
