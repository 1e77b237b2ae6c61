"""Reads the bodies of requests, up to what Azure takes."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

# Source: Azure's limit for HTTP functions, FUNCTIONS_REQUEST_BODY_SIZE_LIMIT.
LARGEST_BODY: Final = 100 * 1024 * 1024


async def read_body(request: Request) -> bytes:
    """Read a request's body; raises HTTPException 413, and ClientDisconnect where the client is gone."""
    if int(request.headers.get("content-length", 0)) > LARGEST_BODY:
        raise HTTPException(413)
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_BODY:
            raise HTTPException(413)
    return bytes(body)
