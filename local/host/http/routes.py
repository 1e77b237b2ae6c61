"""Which HTTP function answers a request."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, get_args

from local.host.functions import Function
from local.host.http.templates import Template, parse_template
from local.host.keys import Level

_LEVELS: Final[tuple[Level, ...]] = get_args(Level)
# Source: azure-functions-host, ScriptHost.cs: what begins so is refused, whether or not a slash follows.
_RESERVED: Final = ("admin", "runtime")


class RouteError(ValueError):
    """A function's HTTP trigger cannot be served; the message names the function and its route."""

    def __init__(self, function_name: str, route: str, reason: str) -> None:
        super().__init__(f"function '{function_name}' cannot be served at route '{route}': {reason}")
        self.function_name = function_name


class HttpRoute(NamedTuple):
    """Where and for whom an HTTP function answers; no methods means all."""

    function: Function
    level: Level
    methods: frozenset[str]
    template: Template

    def takes(self, method: str) -> bool:
        """Say whether it answers to a method."""
        return not self.methods or method.upper() in self.methods

    def conflicts_with(self, other: "HttpRoute") -> bool:
        """Say whether a request can mean both, with nothing to choose by."""
        share_a_method = not self.methods or not other.methods or bool(self.methods & other.methods)
        return share_a_method and self.template.shape == other.template.shape


class Found(NamedTuple):
    """The route that a request means, with the values of its parameters."""

    route: HttpRoute
    parameters: Mapping[str, str]


def make_routes(functions: Iterable[Function], route_prefix: str) -> list[HttpRoute]:
    """Make the routes of the HTTP functions among these, the more specific ones first; raises RouteError.

    `route_prefix` is host.json's `extensions.http.routePrefix` ("api" where it says nothing).
    """
    routes: list[HttpRoute] = []
    for function in functions:
        if function.trigger["type"] != "httpTrigger":
            continue
        route = _make_route(function, route_prefix)
        for other in routes:
            if route.conflicts_with(other):
                reason = f"it conflicts with the route of function '{other.function.name}'"
                raise RouteError(function.name, route.template.text, reason)
        routes.append(route)
    return sorted(routes, key=lambda route: (route.template.precedence, route.function.name.lower()))


def find_route(routes: Sequence[HttpRoute], method: str, path: str) -> Found | None:
    """Find what answers to a method at a path as it was received; None where nothing does, as for a wrong method."""
    for route in routes:
        if route.takes(method) and (parameters := route.template.match(path)) is not None:
            return Found(route, parameters)
    return None


def _make_route(function: Function, route_prefix: str) -> HttpRoute:
    trigger = function.trigger
    own = trigger.get("route") or function.name
    text = f"{route_prefix}/{own}" if route_prefix else own
    if own.strip("/").lower().startswith(_RESERVED):
        reason = f"routes that begin with {' or '.join(_RESERVED)} are the host's own"
        raise RouteError(function.name, text, reason)
    try:
        template = parse_template(text)
        level = _read_level(trigger)
    except ValueError as error:
        raise RouteError(function.name, text, str(error)) from None
    methods = frozenset(str(method).upper() for method in trigger.get("methods") or ())
    return HttpRoute(function, level, methods, template)


def _read_level(trigger: Mapping[str, Any]) -> Level:
    written = str(trigger.get("authLevel") or "FUNCTION")
    level = next((level for level in _LEVELS if level == written.upper()), None)
    if level is None:
        message = f"'{written}' is no authLevel that this host knows"
        raise ValueError(message)
    return level
