"""Lists in pages."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.azure.core.errors import ServiceFault

_LARGEST: Final = 25
_START: Final = "$skiptoken"


def respond_page(request: Request, items: Sequence[dict[str, Any]]) -> Response:
    """Give the page that is asked for, and where the next one is; raises ServiceFault 400.

    At most 25 are in a page (source: azure-keyvault-certificates, `maxresults`).
    """
    size = _read_number(request, "maxresults", default=_LARGEST, largest=_LARGEST)
    start = _read_number(request, _START, default=0, largest=len(items))
    end = start + size
    following = None
    if end < len(items):
        query = {"api-version": request.query_params["api-version"], _START: end, "maxresults": size}
        following = f"https://{request.headers['host']}{request.url.path}?{urlencode(query)}"
    return JSONResponse({"value": items[start:end], "nextLink": following})


def _read_number(request: Request, name: str, *, default: int, largest: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    lowest = min(1, default)
    if not text.isdecimal() or not lowest <= int(text) <= largest:
        raise ServiceFault(400, "BadParameter", f"Property {name} has an invalid value: it is no number in range.")
    return int(text)
