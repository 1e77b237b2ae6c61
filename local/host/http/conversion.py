"""Requests as the worker library takes them, and answers from what functions return.

Source: azure-functions-host, GrpcMessageConversionExtensions.cs (requests), GrpcMessageExtensionUtilities.cs and
RawScriptResult.cs (answers).
"""

import base64
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final, Literal, TypedDict
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from local.host.functions import Input, Output

# These say how an answer travels; the server writes its own.
_OF_THE_SERVER: Final = frozenset({"content-length", "transfer-encoding", "connection"})
_WITHOUT_BODY: Final = frozenset({204, 205, 304})
_MEDIA_TYPES: Final = {"string": "text/plain", "bytes": "application/octet-stream"}


class Cookie(TypedDict, total=False):
    """A cookie of an HTTP output; name and value are always there, and what is left out, None or empty is not sent.

    `expires` is in seconds since the epoch, `maxAge` in seconds.
    """

    name: str
    value: str
    domain: str | None
    path: str | None
    expires: int | None
    maxAge: float | None
    secure: bool | None
    httpOnly: bool | None
    sameSite: Literal["Lax", "Strict", "None"] | None


class BadOutput(ValueError):  # noqa: N818 - it says what happened
    """What a function returned is no HTTP answer."""


def describe_request(name: str, request: Request, parameters: Mapping[str, str], body: bytes) -> Input:
    """Describe a request for a binding: empty headers and query values are dropped, repeated ones joined by commas."""
    base = request.base_url
    query = request.scope["query_string"].decode("latin-1")
    path = request.scope["raw_path"].decode("latin-1")
    value = {
        "method": request.method,
        "url": f"{base.scheme}://{base.netloc}{path}{'?' if query else ''}{query}",
        "headers": _join(request.headers.items()),
        "params": dict(parameters),
        "query": _join(request.query_params.multi_items()),
        "body": base64.b64encode(body).decode(),
    }
    return Input(name, "http", value)


def make_response(output: Output | None) -> Response:
    """Make the answer from a function's output: 204 where there is none; raises BadOutput.

    The value of an `http` output has `status`, `headers`, `body` (base64) and, where there are any, `cookies`; others
    are answered with 200.
    """
    if output is None:
        return Response(status_code=204)
    if output.kind != "http":
        content = output.value if isinstance(output.value, bytes) else str(output.value)
        return Response(content, media_type=_MEDIA_TYPES.get(output.kind, "application/json"))
    try:
        return _make_http_response(output.value)
    except (ValueError, OverflowError) as error:
        raise BadOutput(str(error)) from None


def _make_http_response(value: Mapping[str, Any]) -> Response:
    status = int(value["status"])
    if status not in range(200, 1000):
        message = f"{status} is no status that ends a request"
        raise ValueError(message)
    headers = {name: text for name, text in value["headers"].items() if name.lower() not in _OF_THE_SERVER}
    body = b"" if status in _WITHOUT_BODY else base64.b64decode(value["body"])
    response = Response(body, status, headers)
    for cookie in value.get("cookies") or ():
        response.headers.append("set-cookie", _write_cookie(cookie))
    return response


def _join(items: Iterable[tuple[str, str]]) -> dict[str, str]:
    names: dict[str, str] = {}
    joined: dict[str, str] = {}
    for name, value in items:
        if value:
            first = names.setdefault(name.lower(), name)
            joined[first] = f"{joined[first]},{value}" if first in joined else value
    return joined


def _write_cookie(cookie: Cookie) -> str:
    """Write a cookie as ASP.NET Core does, which encodes its value."""
    expires, age = cookie.get("expires"), cookie.get("maxAge")
    attributes = {
        "expires": format_datetime(datetime.fromtimestamp(expires, UTC), usegmt=True) if expires is not None else None,
        "max-age": str(int(age)) if age is not None else None,
        "domain": cookie.get("domain"),
        "path": cookie.get("path"),
        "samesite": (cookie.get("sameSite") or "").lower(),
    }
    parts = [f"{quote(cookie['name'], safe='')}={quote(cookie['value'], safe='')}"]
    parts += [f"{name}={text}" for name, text in attributes.items() if text]
    parts += [
        name for name, is_set in (("secure", cookie.get("secure")), ("httponly", cookie.get("httpOnly"))) if is_set
    ]
    return "; ".join(parts)
