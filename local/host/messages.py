"""What the host and its worker say to each other: JSON documents, each after its length in four bytes."""

import json
import socket
import struct
from typing import Any

_LENGTH = struct.Struct(">I")


def encode(document: dict[str, Any]) -> bytes:
    """Write a document."""
    body = json.dumps(document).encode()
    return _LENGTH.pack(len(body)) + body


def receive(connection: socket.socket) -> dict[str, Any] | None:
    """Read a document; None when the other side is gone."""
    header = _read(connection, _LENGTH.size)
    body = _read(connection, _LENGTH.unpack(header)[0]) if header else None
    if body is None:
        return None
    document: dict[str, Any] = json.loads(body)
    return document


def _read(connection: socket.socket, size: int) -> bytes | None:
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
