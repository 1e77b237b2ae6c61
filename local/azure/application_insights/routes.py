"""REGION-N.in.applicationinsights.azure.com."""

import gzip
import json
import zlib
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.azure.core.errors import ServiceFault, no_such_endpoint, respond_to_fault
from local.azure.core.journal import note_action
from local.azure.core.tokens import TokenAuthority

AUDIENCES: Final = ["https://monitor.azure.com", "https://monitor.azure.com/"]
SEND: Final = "Microsoft.Insights/Telemetry/Write"
_MEMBERS: Final = ("name", "time", "data")
Item = dict[str, Any]


def make_application_insights_app(items: list[Item], authority: TokenAuthority) -> Starlette:
    """Make the web app, which keeps what it accepts in `items`."""

    async def track(request: Request) -> Response:
        """Take items, as a JSON array or one on each line, compressed or not; those that are none are told of.

        Leaves out: `v2/track`, and everything that Azure checks in an item but that it has a name, a time and data.

        Assumes: the texts of errors.
        """
        note_action(request, SEND)
        authority.validate(request, AUDIENCES)
        sent = _read(await request.body(), request.headers.get("content-encoding", ""))
        errors = [
            {"index": index, "statusCode": 400, "message": "Field is missing."}
            for index, item in enumerate(sent)
            if not all(item.get(member) for member in _MEMBERS)
        ]
        refused = {error["index"] for error in errors}
        items.extend(item for index, item in enumerate(sent) if index not in refused)
        body = {"itemsReceived": len(sent), "itemsAccepted": len(sent) - len(errors), "errors": errors}
        return JSONResponse(body, status_code=206 if errors else 200)

    async def find_nothing(request: Request) -> Response:
        """Answer 404 `NotInLocalAzure`: there is nothing else here."""
        return no_such_endpoint(request)

    return Starlette(
        routes=[
            Route("/v2.1/track", track, methods=["POST"]),
            # The address in a connection string ends with a slash, and Azure's exporter for Python adds one.
            Route("//v2.1/track", track, methods=["POST"]),
            Route("/{path:path}", find_nothing, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        ],
        exception_handlers={ServiceFault: respond_to_fault},
    )


def _read(body: bytes, encoding: str) -> list[Item]:
    """Read what was sent; raises ServiceFault 400."""
    try:
        text = (gzip.decompress(body) if encoding == "gzip" else body).decode()
        parsed = json.loads(text) if text.lstrip().startswith("[") else [json.loads(line) for line in text.splitlines()]
    except (OSError, EOFError, zlib.error, ValueError):
        parsed = None
    if not isinstance(parsed, list) or not all(isinstance(item, dict) for item in parsed):
        raise ServiceFault(400, "BadRequest", "The body is not telemetry in JSON.")
    return parsed
