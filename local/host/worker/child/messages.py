"""What the host and its worker say to each other: JSON documents, each after its length in four bytes."""

import asyncio
import json
import socket
import struct
from typing import Any

_LENGTH = struct.Struct(">I")


def encode(document: dict[str, Any]) -> bytes:
    """Write a document."""
    body = json.dumps(document).encode()
    return _LENGTH.pack(len(body)) + body


async def read(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    """Read a document; None when the other side is gone."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        document: dict[str, Any] = json.loads(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return document


def receive(connection: socket.socket) -> dict[str, Any] | None:
    """Read a document and wait for it; None when the other side is gone."""
    header = _receive_exactly(connection, _LENGTH.size)
    body = _receive_exactly(connection, _LENGTH.unpack(header)[0]) if header else None
    if body is None:
        return None
    document: dict[str, Any] = json.loads(body)
    return document


def _receive_exactly(connection: socket.socket, size: int) -> bytes | None:
    buffer = bytearray()
    while len(buffer) < size:
        try:
            part = connection.recv(min(size - len(buffer), 1 << 20))
        except ConnectionError:
            return None
        if not part:
            return None
        buffer += part
    return bytes(buffer)
