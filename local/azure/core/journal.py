"""The journal of all requests: who asked for what, and which of Azure's actions that needs; never a secret."""

from datetime import UTC, datetime
from typing import Any, Final

import jwt
from starlette.requests import Request

_ACTION: Final = "local_azure.action"
# By these a caller finds its request again: no secret, and no longer than an honest one is.
_CORRELATION: Final = {"clientRequestId": "x-ms-client-request-id", "traceparent": "traceparent"}
_CORRELATION_LENGTH: Final = 128
Entry = dict[str, Any]


def note_action(request: Request, action: str) -> None:
    """Say for the journal which of Azure's actions a request needs: a service does so once it knows.

    Control plane: `Microsoft.KeyVault/managedHSMs/write`; data plane: `Microsoft.KeyVault/managedHsm/keys/read/action`.
    """
    request.scope[_ACTION] = action


def begin_entry(request: Request, service: str) -> Entry:
    """Write down a request that came; queries, bodies and headers are left out, but for the ids of two headers."""
    return {
        "time": datetime.now(UTC).isoformat(),
        "service": service,
        "method": request.method,
        "host": request.headers.get("host", ""),
        "path": request.url.path,
        "callerObjectId": _caller(request),
        **{member: _read_id(request, header) for member, header in _CORRELATION.items()},
        "action": None,
        "fault": None,
        "status": None,
    }


def end_entry(entry: Entry, request: Request, status: int) -> None:
    """Write down how it was answered."""
    entry.update(status=status, action=request.scope.get(_ACTION))


def _read_id(request: Request, header: str) -> str | None:
    value = request.headers.get(header)
    return None if value is None else value[:_CORRELATION_LENGTH]


def _caller(request: Request) -> str | None:
    """Name the caller for the journal; the service itself checks the token."""
    token = request.headers.get("authorization", "").partition(" ")[2]
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        return None
    return str(claims["oid"]) if "oid" in claims else None
