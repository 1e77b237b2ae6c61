"""Passes requests on to Azurite and answers back, as they are."""

import ssl
from typing import Final

import httpx
from starlette.requests import Request
from starlette.types import Send

from local.azure.blob_storage.azurite import ACCOUNT_HOST
from local.azure.core.certificates import TlsFiles

# What concerns one connection, not the message (RFC 9110, section 7.6.1).
_HOP_BY_HOP: Final = frozenset({b"connection", b"keep-alive", b"transfer-encoding"})
_TIMEOUT: Final = httpx.Timeout(60).as_dict()
# Node closes a connection that was idle for 5 s: it must not be used at that moment.
_LIMITS: Final = httpx.Limits(keepalive_expiry=2)


class Forwarder:
    """The way to Azurite: paths stay percent-encoded, bodies compressed and in parts, headers in order."""

    def __init__(self, port: int, files: TlsFiles) -> None:
        self._port = port
        context = ssl.create_default_context(cafile=str(files.authority))
        self._transport = httpx.AsyncHTTPTransport(verify=context, limits=_LIMITS)

    async def ask(self, request: Request) -> httpx.Response:
        """Pass a request on with its body, and give the answer when it begins."""
        has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
        headers = [(name, value) for name, value in request.headers.raw if name not in _HOP_BY_HOP]
        outgoing = httpx.Request(
            request.method,
            self._locate(request, request.scope["query_string"]),
            headers=headers,
            content=request.stream() if has_body else b"",
            extensions=self._extensions(),
        )
        return await self._transport.handle_async_request(outgoing)

    async def has_blob(self, request: Request) -> bool:
        """Say whether the blob of a request is there, asking with the caller's token."""
        names = (b"host", b"authorization", b"x-ms-version")
        headers = [(name, value) for name, value in request.headers.raw if name in names]
        outgoing = httpx.Request("HEAD", self._locate(request, b""), headers=headers, extensions=self._extensions())
        answer = await self._transport.handle_async_request(outgoing)
        await answer.aclose()
        return answer.status_code != httpx.codes.NOT_FOUND

    def _locate(self, request: Request, query: bytes) -> httpx.URL:
        path: bytes = request.scope["raw_path"]
        target = path + b"?" + query if query else path
        return httpx.URL(scheme="https", host="127.0.0.1", port=self._port, raw_path=target)

    @staticmethod
    def _extensions() -> dict[str, object]:
        # Azurite reads the account from the host name; its certificate is checked against that name, too.
        return {"sni_hostname": ACCOUNT_HOST, "timeout": _TIMEOUT}


async def pass_back(answer: httpx.Response, send: Send) -> None:
    """Send an answer to whoever asked, in the parts in which it comes."""
    try:
        headers = [(name.lower(), value) for name, value in answer.headers.raw if name.lower() not in _HOP_BY_HOP]
        await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
        async for part in answer.aiter_raw():
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body"})
    finally:
        await answer.aclose()
