"""What is no call of the API: paths that it does not have, and methods that its paths do not take."""

import re
from functools import cache
from typing import Final

import azure.functions as func

from triggers.pages import CONSOLE_PATH, DOCS_PATH
from triggers.registration import blueprint
from triggers.routes import ROUTES

_OPEN_PART: Final = re.compile(r"/?\{(\*?)\w+\}")


# On Azure routes are tried in the order of the functions' names (azure-functions-host issue 9876), so that the name of
# this one has to be the last.
@blueprint.route(route="{*path}", trigger_arg_name="request", auth_level=func.AuthLevel.ANONYMOUS)
def unmatched(request: func.HttpRequest) -> func.HttpResponse:
    """Answer with 404, or with 405 where the path takes another method; neither a token nor anything kept is read.

    OPTIONS and HEAD are methods like any other: a browser's preflight is answered by the platform, where the deployment
    lets other origins in.
    """
    from triggers.door.gateway import answer_as

    return answer_as("no route", request, lambda _: _refuse(request))


def _refuse(request: func.HttpRequest) -> func.HttpResponse:
    from domain.error_catalogue import CATALOGUE
    from domain.errors import service_error
    from triggers.door.problems import Refusal, problem

    methods = find_methods(request.route_params.get("path", ""))
    # Of a path that is decoded once more than the host does it, the method would be right.
    allowed = [] if request.method in methods else methods
    code = "method_not_allowed" if allowed else "path_not_found"
    error = service_error(code, CATALOGUE[code].meaning, advice=CATALOGUE[code].advice)
    return problem(Refusal(error.detail, {"Allow": ", ".join(allowed)} if allowed else None))


def find_methods(path: str) -> list[str]:
    """List the methods that a path takes; none where there is no such path."""
    return sorted({method for pattern, method in _patterns() if pattern.fullmatch(path.rstrip("/"))})


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    pages = [(CONSOLE_PATH, "GET"), (DOCS_PATH, "GET")]
    calls = [(route.path, route.method) for route in ROUTES]
    return [(_pattern(path), method) for path, method in calls + pages]


def _pattern(path: str) -> re.Pattern[str]:
    """Make the pattern of a route's paths, as the host reads it: in any case, `{*rest}` with all that follows."""
    literals = _OPEN_PART.split(path)
    pattern = re.escape(literals[0])
    for rest, literal in zip(literals[1::2], literals[2::2], strict=True):
        pattern += ("(?:/.*)?" if rest else "/[^/]+") + re.escape(literal)
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)
