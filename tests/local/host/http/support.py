"""What the tests of the HTTP rooms share: functions, an invoker that records, and a client of an app."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from local.host.functions import Function, Input, Output
from local.host.http.front import make_front
from local.host.keys import Keys

BASE = "http://localhost:7071"


def http_function(
    name: str, route: str | None = None, *, level: str = "FUNCTION", methods: Sequence[str] = ()
) -> Function:
    trigger: dict[str, Any] = {"direction": "IN", "type": "httpTrigger", "name": "req", "authLevel": level}
    if route is not None:
        trigger["route"] = route
    if methods:
        trigger["methods"] = list(methods)
    return Function(f"id-{name}", name, (trigger, {"direction": "OUT", "type": "http", "name": "$return"}))


def function_of(trigger_type: str, name: str) -> Function:
    return Function(f"id-{name}", name, ({"direction": "IN", "type": trigger_type, "name": "given"},))


Answer = Callable[[Input], Output | None]


def always(outcome: Output | Exception | None) -> Answer:
    def answer(_given: Input) -> Output | None:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return answer


class Recorder:
    """An invoker that keeps what it was asked for, and answers as it was told."""

    def __init__(self, answer: Answer = always(None)) -> None:  # noqa: B008 - it has no state
        self.asked: list[tuple[str, Input, bool]] = []
        self._answer = answer

    async def invoke(self, function: Function, inputs: Sequence[Input], *, again: bool) -> Output | None:
        (given,) = inputs
        self.asked.append((function.name, given, again))
        return self._answer(given)


def make_keys(directory: Path, functions: Iterable[Function], *, enforced: bool = True) -> Keys:
    return Keys.load(directory / "keys.json", [function.name for function in functions], enforced=enforced)


def make_app(
    directory: Path,
    functions: Sequence[Function],
    invoker: Recorder,
    *,
    route_prefix: str = "api",
    enforced: bool = False,
    host_routes: Sequence[Route | Mount] = (),
) -> Starlette:
    keys = make_keys(directory, functions, enforced=enforced)
    return make_front(functions, invoker, keys, route_prefix=route_prefix, host_routes=host_routes)


def ask(app: Starlette, method: str, path: str, **arguments: Any) -> httpx.Response:
    """Send a request to an app; what it does after its answer has happened when this returns."""

    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client:
            return await client.request(method, path, **arguments)

    return asyncio.run(send())
