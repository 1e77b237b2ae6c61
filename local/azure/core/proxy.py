"""A CONNECT proxy that takes Azure's host names to our services, and refuses all others: nothing leaves the machine."""

import asyncio
import contextlib
from typing import Final

SUFFIXES: Final = (
    ".managedhsm.azure.net",
    ".vault.azure.net",
    ".blob.core.windows.net",
    ".eventgrid.azure.net",
    ".in.applicationinsights.azure.com",
)
NAMES: Final = frozenset({"login.microsoftonline.com", "management.azure.com", "graph.microsoft.com"})
_REFUSED: Final = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_ESTABLISHED: Final = b"HTTP/1.1 200 Connection established\r\n\r\n"


async def start_proxy(services_port: int) -> asyncio.Server:
    """Listen on a free port of 127.0.0.1."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await _serve(reader, writer, services_port)
        writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", 0)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, services_port: int) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    method, target, *_ = [*head.split("\r\n", 1)[0].split(" "), "", ""]
    host, _, port = target.lower().partition(":")
    if method != "CONNECT" or port != "443" or not (host in NAMES or host.endswith(SUFFIXES)):
        writer.write(_REFUSED)
        await writer.drain()
        return
    service_reader, service_writer = await asyncio.open_connection("127.0.0.1", services_port)
    writer.write(_ESTABLISHED)
    try:
        await asyncio.gather(_pump(reader, service_writer), _pump(service_reader, writer))
    finally:
        service_writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        # The other direction may still be busy: only this one ends.
        if writer.can_write_eof():
            writer.write_eof()
        else:
            writer.close()
