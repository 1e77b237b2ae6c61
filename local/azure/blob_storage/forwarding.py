"""Passes requests on to Azurite and answers back, as they are."""

import ssl
from typing import Final

from aiohttp import (
    ClientConnectionError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
)
from starlette.requests import ClientDisconnect, Request
from starlette.types import Send
from yarl import URL

from local.azure.blob_storage.azurite import ACCOUNT_HOST
from local.azure.core.certificates import TlsFiles

# What concerns one connection, not the message (RFC 9110, section 7.6.1).
_HOP_BY_HOP: Final = frozenset({b"connection", b"keep-alive", b"transfer-encoding"})
# What aiohttp would say of itself where the caller says nothing.
_NOT_ADDED: Final = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
_TIMEOUT: Final = ClientTimeout(total=None, sock_connect=60, sock_read=60)
# Node closes a connection that was idle for 5 s: it must not be used at that moment.
_KEPT_SECONDS: Final = 2
# More than Azure takes of metadata.
_LONGEST_HEADER: Final = 65_536
_NOT_FOUND: Final = 404


class Forwarder:
    """The way to Azurite: paths stay percent-encoded, bodies compressed and in parts, headers in order."""

    def __init__(self, port: int, files: TlsFiles) -> None:
        self._port = port
        self._context = ssl.create_default_context(cafile=str(files.authority))
        self._session: ClientSession | None = None

    async def ask(self, request: Request) -> ClientResponse:
        """Pass a request on with its body, and give the answer when it begins; raises ClientDisconnect."""
        has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
        headers = [(name, value) for name, value in request.headers.raw if name not in _HOP_BY_HOP]
        return await self._send(request, request.method, request.scope["query_string"], headers, has_body=has_body)

    async def has_blob(self, request: Request) -> bool:
        """Say whether the blob of a request is there, asking with the caller's token."""
        names = (b"host", b"authorization", b"x-ms-version")
        headers = [(name, value) for name, value in request.headers.raw if name in names]
        answer = await self._send(request, "HEAD", b"", headers, has_body=False)
        answer.release()
        return answer.status != _NOT_FOUND

    async def close(self) -> None:
        """Close its connections."""
        if self._session is not None:
            await self._session.close()

    async def _send(
        self, request: Request, method: str, query: bytes, headers: list[tuple[bytes, bytes]], *, has_body: bool
    ) -> ClientResponse:
        path: bytes = request.scope["raw_path"]
        target = path + b"?" + query if query else path
        try:
            return await self._open().request(
                method,
                URL(f"https://127.0.0.1:{self._port}{target.decode('ascii')}", encoded=True),
                # Clients of blob storage send ASCII; whatever else comes must not fail here.
                headers=[(name.decode(), value.decode(errors="replace")) for name, value in headers],
                data=request.stream() if has_body else None,
                allow_redirects=False,
                # Azurite reads the account from the host name; its certificate is checked against that name, too.
                server_hostname=ACCOUNT_HOST,
            )
        except ClientConnectionError as error:
            if isinstance(error.__cause__, ClientDisconnect):
                raise error.__cause__ from None
            raise

    def _open(self) -> ClientSession:
        """Give what holds the connections, which needs a running loop to be made."""
        if self._session is None:
            self._session = ClientSession(
                connector=TCPConnector(limit=0, keepalive_timeout=_KEPT_SECONDS, ssl=self._context),
                cookie_jar=DummyCookieJar(),
                skip_auto_headers=_NOT_ADDED,
                auto_decompress=False,
                timeout=_TIMEOUT,
                max_line_size=_LONGEST_HEADER,
                max_field_size=_LONGEST_HEADER,
            )
        return self._session


async def pass_back(answer: ClientResponse, send: Send) -> None:
    """Send an answer to whoever asked, in the parts in which it comes."""
    try:
        headers = [(name.lower(), value) for name, value in answer.raw_headers if name.lower() not in _HOP_BY_HOP]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        async for part in answer.content.iter_any():
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body"})
    finally:
        answer.release()
