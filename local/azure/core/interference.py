"""What happens to requests on their way: a journal of all, holds before or after an effect, and faults."""

import asyncio
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

import jwt
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Phase = Literal["before", "after"]
ACTION: Final = "local_azure.action"


def note_action(request: Request, action: str) -> None:
    """Say for the journal which of Azure's actions a request needs: a service does so once it knows.

    Control plane: `Microsoft.KeyVault/managedHSMs/write`; data plane: `Microsoft.KeyVault/managedHsm/keys/read/action`.
    """
    request.scope[ACTION] = action


@dataclass
class Match:
    """Which requests are meant; `skip` of them pass first."""

    service: str
    method: str
    path_contains: str
    skip: int = 0

    def takes(self, service: str, method: str, path: str) -> bool:
        """Say whether a request is meant, and count it."""
        if (service, method) != (self.service, self.method.upper()) or self.path_contains.lower() not in path.lower():
            return False
        self.skip -= 1
        return self.skip < 0


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


@dataclass
class Fault:
    """An answer that is given instead of the service's, a number of times."""

    match: Match
    count: int
    status: int
    retry_after_seconds: int | None = None


class Interference:
    """All that is recorded of requests and done to them, for all services."""

    def __init__(self) -> None:
        self.journal: list[dict[str, Any]] = []
        self.holds: dict[str, Hold] = {}
        self.faults: list[Fault] = []

    def find_hold(self, service: str, method: str, path: str) -> Hold | None:
        """Find the hold that takes this request; each takes one."""
        for hold in self.holds.values():
            if hold.state == "armed" and hold.match.takes(service, method, path):
                return hold
        return None

    def find_fault(self, service: str, method: str, path: str) -> Fault | None:
        """Find the fault that answers this request."""
        for fault in self.faults:
            if fault.count > 0 and fault.match.takes(service, method, path):
                fault.count -= 1
                return fault
        return None


class InterferenceMiddleware:
    """Wraps one service."""

    def __init__(self, app: ASGIApp, service: str, interference: Interference) -> None:
        self._app = app
        self._service = service
        self._interference = interference

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless it is to be held or answered otherwise."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        method, path = request.method, request.url.path
        entry = self._record(request)
        hold = self._interference.find_hold(self._service, method, path)
        fault = self._interference.find_fault(self._service, method, path)
        if hold is not None:
            # What was sent takes effect whether or not its sender is still there.
            receive = await _take_body(request)

        async def send_later(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry["status"] = message["status"]
                entry["action"] = scope.get(ACTION)
                if hold is not None and hold.phase == "after":
                    await _keep(hold)
            await send(message)

        if hold is not None and hold.phase == "before":
            await _keep(hold)
            if hold.dropped:
                # As if it had never arrived: its sender is gone, and no effect may come of it later.
                return
        app = _answer(fault) if fault else self._app
        await app(scope, receive, send_later)

    def _record(self, request: Request) -> dict[str, Any]:
        entry = {
            "time": datetime.now(UTC).isoformat(),
            "service": self._service,
            "method": request.method,
            "host": request.headers.get("host", ""),
            "path": request.url.path,
            "callerObjectId": _caller(request),
            "action": None,
            "status": None,
        }
        self._interference.journal.append(entry)
        return entry


async def _take_body(request: Request) -> Receive:
    """Read a request's body now, and give what the service receives it from."""
    body = await request.body()

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _keep(hold: Hold) -> None:
    hold.reached.set()
    await hold.released.wait()


def _answer(fault: Fault) -> ASGIApp:
    headers = {} if fault.retry_after_seconds is None else {"Retry-After": str(fault.retry_after_seconds)}
    body = {"error": {"code": "InjectedFault", "message": "The control API asked for this answer."}}
    return JSONResponse(body, status_code=fault.status, headers=headers)


def _caller(request: Request) -> str | None:
    """Name the caller for the journal; the service itself checks the token."""
    token = request.headers.get("authorization", "").partition(" ")[2]
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        return None
    return str(claims["oid"]) if "oid" in claims else None
