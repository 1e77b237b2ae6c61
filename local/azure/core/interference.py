"""What is done to requests on their way to a service: they are written down, held, or met by a fault."""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Literal

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local.azure.core.faults import (
    Answer,
    AnswerBreaker,
    BrokenBody,
    Delay,
    Effect,
    Fault,
    Match,
    Reset,
    break_connection,
    make_answer,
)
from local.azure.core.journal import Entry, begin_entry, end_entry

Phase = Literal["before", "after"]
_UNREACHABLE: Final = "local_azure.unreachable"


@dataclass
class Hold:
    """One request that is to be held, once."""

    match: Match
    phase: Phase
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    dropped: bool = False

    @property
    def state(self) -> str:
        """`armed`, `holding` or `released`."""
        if self.released.is_set():
            return "released"
        return "holding" if self.reached.is_set() else "armed"


class Interference:
    """All that is recorded of requests and done to them, for all services."""

    def __init__(self) -> None:
        self.journal: list[Entry] = []
        self.holds: dict[str, Hold] = {}
        self.faults: list[Fault] = []

    def find_hold(self, service: str, request: Request) -> Hold | None:
        """Find the hold that takes this request; each takes one."""
        for hold in self.holds.values():
            if hold.state == "armed" and hold.match.takes(service, request):
                return hold
        return None

    def find_effect(self, service: str, request: Request) -> Effect | None:
        """Find the fault that this request meets, and count it."""
        for fault in self.faults:
            if fault.met < fault.count and fault.match.takes(service, request):
                fault.met += 1
                return fault.effect
        return None


class InterferenceMiddleware:
    """Wraps one service."""

    def __init__(self, app: ASGIApp, service: str, interference: Interference) -> None:
        self._app = app
        self._service = service
        self._interference = interference

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless it is to be held or meets a fault."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        entry = begin_entry(request, self._service)
        self._interference.journal.append(entry)
        hold = self._interference.find_hold(self._service, request)
        effect = self._interference.find_effect(self._service, request)
        entry["fault"] = effect.kind if effect else None
        if hold is not None or effect is not None:
            # What was sent takes effect whether or not its sender is still there.
            receive = await _take_body(request)
        if hold is not None and hold.phase == "before":
            await _keep(hold)
            if hold.dropped:
                # As if it had never arrived: its sender is gone, and no effect may come of it later.
                return
        if isinstance(effect, Reset) and effect.phase == "before":
            break_connection(send)
            return
        if isinstance(effect, Delay):
            await asyncio.sleep(effect.seconds)
        app = make_answer(self._service, effect) if isinstance(effect, Answer) else self._app
        outgoing = AnswerBreaker(send, effect).send if isinstance(effect, Reset | BrokenBody) else send
        await app(scope, receive, _observe(request, entry, hold, outgoing, partial(break_connection, send)))


def note_unreachable(request: Request) -> None:
    """Say of a request that, in Azure, it would reach nobody: whatever it is answered, its connection breaks."""
    request.scope[_UNREACHABLE] = True


def _observe(request: Request, entry: Entry, hold: Hold | None, send: Send, hang_up: Callable[[], None]) -> Send:
    """Give what a service answers by: it is written down, and kept back where a hold wants that."""

    async def observed(message: Message) -> None:
        if request.scope.get(_UNREACHABLE):
            if message["type"] == "http.response.start":
                entry["fault"] = "unreachable"
                hang_up()
            return
        if message["type"] == "http.response.start":
            end_entry(entry, request, message["status"])
            if hold is not None and hold.phase == "after":
                await _keep(hold)
        await send(message)

    return observed


async def _take_body(request: Request) -> Receive:
    """Read a request's body now, and give what the service receives it from."""
    body = await request.body()

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _keep(hold: Hold) -> None:
    hold.reached.set()
    await hold.released.wait()
