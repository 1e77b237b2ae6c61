"""What Graph's lists have in common: selected properties, and pages, of which the next is at `@odata.nextLink`.

Source: Microsoft Graph, query parameters and paging: a page has 100 objects unless `$top` says otherwise, 999 at most;
a user's `accountEnabled` comes only where it is selected.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.azure.core.errors import ServiceFault

_TOKEN: Final = "$skiptoken"  # noqa: S105 - the name of a parameter
_PAGE: Final = 100
_LONGEST_PAGE: Final = 999
_ONLY_SELECTED: Final = {"#microsoft.graph.user": {"accountEnabled"}}


def select(request: Request, item: dict[str, Any]) -> dict[str, Any]:
    """Give the properties of an object that `$select` names, and without it those that come by themselves."""
    kind, wanted = item["@odata.type"], request.query_params.get("$select")
    if wanted is None:
        return {name: value for name, value in item.items() if name not in _ONLY_SELECTED.get(kind, ())}
    return {"@odata.type": kind} | {name: item[name] for name in wanted.split(",") if name in item}


def respond_with_page(request: Request, items: list[dict[str, Any]]) -> Response:
    """Answer with one page of objects of any kind; raises ServiceFault 400."""
    begin, size = _read_token(request), _read_top(request)
    end = begin + size
    selected = request.query_params.get("$select")
    shown = f"directoryObjects({selected})" if selected else "directoryObjects"
    body: dict[str, Any] = {"@odata.context": f"https://graph.microsoft.com/v1.0/$metadata#{shown}"}
    if end < len(items):
        token = urlsafe_b64encode(str(end).encode()).decode()
        query = urlencode({**request.query_params, _TOKEN: token}, safe="$,")
        body["@odata.nextLink"] = f"https://graph.microsoft.com{request.url.path}?{query}"
    return JSONResponse({**body, "value": items[begin:end]})


def _read_top(request: Request) -> int:
    top = request.query_params.get("$top", str(_PAGE))
    if not top.isdecimal() or not 1 <= int(top) <= _LONGEST_PAGE:
        message = f"Invalid page size specified: '{top}'. Must be between 1 and 999 inclusive."
        raise ServiceFault(400, "Request_BadRequest", message)
    return int(top)


def _read_token(request: Request) -> int:
    token = request.query_params.get(_TOKEN)
    try:
        return 0 if token is None else int(urlsafe_b64decode(token))
    except ValueError:
        raise ServiceFault(400, "Directory_ExpiredPageToken", "The specified page token is not valid.") from None
