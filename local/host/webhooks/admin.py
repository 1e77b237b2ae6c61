"""The admin API, all of it for the master key: the host's state, its functions, and its clock.

Source: azure-functions-host, HostController.cs and FunctionsController.cs; the clock, and the worker in the host's
state, are this host's own.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from local.host.clock import LATEST, HostClock
from local.host.functions import Function, InvocationError
from local.host.http.body import read_body
from local.host.keys import Keys

_log = logging.getLogger("local.host.admin")

Fire = Callable[[Function, str], Awaitable[None]]
_Handler = Callable[[Request], Awaitable[Response]]


# A day in a tenth of a second, and the calendar lasts for days.
FASTEST: Final = 1_000_000.0


class ManualInvocation(BaseModel):
    """What a function is to be invoked with; a timer takes nothing."""

    input: str | None = None


class ClockChange(BaseModel):
    """How many seconds pass on the clock in one of the machine's from now on, and how far it jumps forward first."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")

    speed: float | None = Field(default=None, gt=0, le=FASTEST, allow_inf_nan=False)
    advance_seconds: float = Field(default=0, ge=0, allow_inf_nan=False)


def make_admin_routes(
    functions: Iterable[Function],
    keys: Keys,
    *,
    describe_worker: Callable[[], Mapping[str, Any]],
    fire_by_trigger: Mapping[str, Fire],
    clock: HostClock | None = None,
) -> list[Route]:
    """Make the routes of the admin API.

    `describe_worker` gives `processId` (None without a worker) and `restarts`. `fire_by_trigger` has, for types of
    triggers, what invokes such a function by hand; it may raise what Invoker.invoke does. Without a clock, nobody can
    change the time.
    """
    by_name = {function.name.lower(): function for function in functions}

    async def get_status(request: Request) -> Response:  # noqa: ARG001 - a handler's signature
        return JSONResponse({"state": "Running", "worker": dict(describe_worker())})

    async def get_functions(request: Request) -> Response:  # noqa: ARG001 - a handler's signature
        return JSONResponse([_describe(function) for function in by_name.values()])

    async def get_function(request: Request) -> Response:
        function = by_name.get(request.path_params["name"].lower())
        return Response(status_code=404) if function is None else JSONResponse(_describe(function))

    async def post_function(request: Request) -> Response:
        invocation = ManualInvocation.model_validate_json(await read_body(request))
        function = by_name.get(request.path_params["name"].lower())
        if function is None:
            return Response(status_code=404)
        task = BackgroundTask(_fire, fire_by_trigger.get(function.trigger["type"]), function, invocation.input or "")
        return Response(status_code=202, background=task)

    routes = [
        Route("/admin/host/status", _guard(keys, get_status)),
        Route("/admin/functions", _guard(keys, get_functions)),
        Route("/admin/functions/{name}", _guard(keys, get_function)),
        Route("/admin/functions/{name}", _guard(keys, post_function), methods=["POST"]),
    ]
    return routes if clock is None else [*routes, *_make_clock_routes(keys, clock)]


def _make_clock_routes(keys: Keys, clock: HostClock) -> list[Route]:
    async def get_clock(request: Request) -> Response:  # noqa: ARG001 - a handler's signature
        return JSONResponse({"now": clock.utc().isoformat(), "speed": clock.speed})

    async def put_clock(request: Request) -> Response:
        change = ClockChange.model_validate_json(await read_body(request))
        if clock.now() + change.advance_seconds > LATEST:
            return PlainTextResponse("advanceSeconds: no date is that far away", 400)
        clock.change(speed=change.speed, advance_seconds=change.advance_seconds)
        return await get_clock(request)

    return [
        Route("/admin/host/clock", _guard(keys, get_clock)),
        Route("/admin/host/clock", _guard(keys, put_clock), methods=["PUT"]),
    ]


def _guard(keys: Keys, handler: _Handler) -> _Handler:
    """Have a handler answer only the master key, and 400 with the field's name where it cannot read the body."""

    async def answer(request: Request) -> Response:
        if not keys.open_admin(request):
            return Response(status_code=401)
        try:
            return await handler(request)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "the body"
            return PlainTextResponse(f"{field}: {first['msg']}", 400)

    return answer


async def _fire(fire: Fire | None, function: Function, given: str) -> None:
    """Invoke a function when the answer is out already: as on Azure, only the log tells how it ended."""
    if fire is None:
        _log.error("%s cannot be invoked by hand: it has a %s", function.name, function.trigger["type"])
        return
    try:
        await fire(function, given)
    except InvocationError as failure:
        _log.error("%s failed by hand: %s", function.name, failure.error_type)


def _describe(function: Function) -> dict[str, Any]:
    bindings = [dict(binding) for binding in function.bindings]
    return {"name": function.name, "config": {"name": function.name, "bindings": bindings}}
