"""The web app that answers for HTTP functions, and holds the webhooks and the admin API."""

import logging
import re
from collections.abc import Iterable, Sequence
from typing import Final

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from local.host.functions import Function, FunctionTimedOut, InvocationFailed, Invoker, WorkerDied
from local.host.http.body import read_body
from local.host.http.conversion import BadOutput, describe_request, make_response
from local.host.http.routes import Found, HttpRoute, find_route, make_routes
from local.host.keys import Keys

_log = logging.getLogger("local.host.http")
_OF_THE_HOST: Final = re.compile(r"/(?:admin|runtime)(?:/|$)", re.IGNORECASE)


def make_front(
    functions: Iterable[Function],
    invoker: Invoker,
    keys: Keys,
    *,
    route_prefix: str,
    host_routes: Sequence[Route | Mount] = (),
) -> Starlette:
    """Make the app: the host's own routes, then the HTTP functions at all other paths; raises RouteError."""
    for route in host_routes:
        # Azure's paths are matched in any case; documentation has /runtime/webhooks/EventGrid.
        route.path_regex = re.compile(route.path_regex.pattern, re.IGNORECASE)
    others = Route("/{path:path}", _Front(make_routes(functions, route_prefix), invoker, keys))
    # A path may hold line breaks, before which Starlette's pattern ends.
    others.path_regex = re.compile(others.path_regex.pattern, re.DOTALL)
    return Starlette(routes=[*host_routes, others])


class _Front:
    """Answers every request that is not the host's own; an ASGI app, so that it takes any method."""

    def __init__(self, routes: Sequence[HttpRoute], invoker: Invoker, keys: Keys) -> None:
        self._routes = routes
        self._invoker = invoker
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if _OF_THE_HOST.match(request.scope["path"]):
            return Response(status_code=404)
        found = find_route(self._routes, request.method, request.scope["raw_path"].decode("latin-1"))
        if found is None:
            return Response(status_code=404)
        if not self._keys.open_function(request, found.route.function.name, found.route.level):
            return Response(status_code=401)
        try:
            body = await _read_function_body(request)
        except ClientDisconnect:
            return Response(status_code=400)
        return await self._invoke(found, request, body)

    async def _invoke(self, found: Found, request: Request, body: bytes) -> Response:
        function = found.route.function
        given = describe_request(function.trigger["name"], request, found.parameters, body)
        try:
            return make_response(await self._invoker.invoke(function, [given], again=False))
        except InvocationFailed as failure:
            return _fail(function, 500, failure.error_type)
        except BadOutput as failure:
            return _fail(function, 500, str(failure))
        except FunctionTimedOut:
            return _fail(function, 500, "it timed out")
        except WorkerDied:
            return _fail(function, 502, "its worker died")


async def _read_function_body(request: Request) -> bytes:
    """Read the body that a function gets: as on Azure none where its length was not given."""
    if "transfer-encoding" in request.headers:
        _log.warning("the body of a request without a content-length is not given to the function, as on Azure")
    return await read_body(request) if int(request.headers.get("content-length", 0)) else b""


def _fail(function: Function, status: int, reason: str) -> Response:
    _log.error("%s answered %d: %s", function.name, status, reason)
    return Response(status_code=status)
