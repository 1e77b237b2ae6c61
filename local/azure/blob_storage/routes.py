"""ACCOUNT.blob.core.windows.net: checks the token, then lets Azurite answer."""

import ssl
import uuid
from datetime import UTC, datetime
from typing import Final
from xml.sax.saxutils import escape

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from local.azure.blob_storage.azurite import ACCOUNT_HOST, Azurite
from local.azure.core.certificates import TlsFiles
from local.azure.core.errors import ServiceFault
from local.azure.core.tokens import TokenAuthority

AUDIENCES: Final = ["https://storage.azure.com", "https://storage.azure.com/"]
# What concerns one connection, not the message (RFC 9110, section 7.6.1).
_HOP_BY_HOP: Final = frozenset({b"connection", b"keep-alive", b"transfer-encoding"})
_REFUSED: Final = (
    "Server failed to authenticate the request. Please refer to the information in the www-authenticate header."
)


def make_blob_app(azurite: Azurite, files: TlsFiles, authority: TokenAuthority) -> ASGIApp:
    """Make the web app in front of Azurite, which does not check a token's signature: we do.

    Bytes pass through as they are: paths stay percent-encoded, bodies compressed, headers in order.
    """
    transport = httpx.AsyncHTTPTransport(verify=ssl.create_default_context(cafile=str(files.authority)))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            _check(request, authority)
        except ServiceFault as fault:
            await _refuse(fault)(scope, receive, send)
            return
        answer = await transport.handle_async_request(_outgoing(request, await request.body(), azurite.port))
        try:
            body = b"".join([part async for part in answer.aiter_raw()])
        finally:
            await answer.aclose()
        headers = [(name.lower(), value) for name, value in answer.headers.raw if name.lower() not in _HOP_BY_HOP]
        await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def _outgoing(request: Request, body: bytes, port: int) -> httpx.Request:
    path, query = request.scope["raw_path"], request.scope["query_string"]
    url = httpx.URL(scheme="https", host="127.0.0.1", port=port, raw_path=path + b"?" + query if query else path)
    # Azurite reads the account from the host name; its certificate is checked against that name, too.
    return httpx.Request(
        request.method,
        url,
        headers=[(name, value) for name, value in request.headers.raw if name not in _HOP_BY_HOP],
        content=body,
        extensions={"sni_hostname": ACCOUNT_HOST, "timeout": httpx.Timeout(60).as_dict()},
    )


def _check(request: Request, authority: TokenAuthority) -> None:
    if request.headers["host"].partition(":")[0].lower() != ACCOUNT_HOST:
        raise ServiceFault(404, "ResourceNotFound", "The specified account does not exist.")
    try:
        authority.validate(request, AUDIENCES)
    except ServiceFault:
        login = f"https://login.microsoftonline.com/{authority.tenant_id}/oauth2/authorize"
        challenge = f"Bearer authorization_uri={login} resource_id=https://storage.azure.com"
        code = "InvalidAuthenticationInfo" if "authorization" in request.headers else "NoAuthenticationInformation"
        raise ServiceFault(401, code, _REFUSED, {"WWW-Authenticate": challenge}) from None


def _refuse(fault: ServiceFault) -> Response:
    """Write an error as Blob storage does (source: Azure Storage REST API, Status and error codes)."""
    request_id = str(uuid.uuid4())
    message = f"{fault.message}\nRequestId:{request_id}\nTime:{datetime.now(UTC).isoformat()}"
    text = f"<Error><Code>{fault.code}</Code><Message>{escape(message)}</Message></Error>"
    headers = {**fault.headers, "x-ms-error-code": fault.code, "x-ms-request-id": request_id}
    return Response(f'<?xml version="1.0" encoding="utf-8"?>{text}', fault.status, headers, "application/xml")
