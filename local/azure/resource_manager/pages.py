"""Pages of ARM's lists: what is left is at `nextLink`."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.azure.core.errors import ServiceFault

_TOKEN: Final = "$skiptoken"  # noqa: S105 - the name of a parameter


def respond_with_page(request: Request, items: list[dict[str, Any]], size: int) -> Response:
    """Answer with one page of a list, of no more than `$top` items; raises ServiceFault 400."""
    wanted = {name: value for name, value in request.query_params.items() if name.lower() != _TOKEN}
    token = next((value for name, value in request.query_params.items() if name.lower() == _TOKEN), None)
    begin = 0 if token is None else _read_token(token)
    end = begin + min(size, _read_top(request))
    body: dict[str, Any] = {"value": items[begin:end]}
    if end < len(items):
        query = urlencode({**wanted, _TOKEN: urlsafe_b64encode(str(end).encode()).decode()})
        body["nextLink"] = f"https://management.azure.com{request.url.path}?{query}"
    return JSONResponse(body)


def _read_top(request: Request) -> int:
    top = request.query_params.get("$top", "1000")
    if not top.isdecimal() or not int(top):
        raise ServiceFault(400, "InvalidTopInQueryString", f"The value '{top}' of $top is not valid.")
    return int(top)


def _read_token(token: str) -> int:
    try:
        return int(urlsafe_b64decode(token))
    except ValueError:
        raise ServiceFault(400, "InvalidSkipToken", "The skip token is not valid.") from None
