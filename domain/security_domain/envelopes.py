"""Compact JWEs with A256CBC-HS512, the only content encryption of the format (RFC 7516; RFC 7518, 5.2.5)."""

import json
from typing import Any, Final, NamedTuple

from domain.security_domain.documents import read_document
from domain.security_domain.encoding import decode, encode
from domain.security_domain.errors import SecurityDomainError

ENCRYPTION: Final = "A256CBC-HS512"
KEY_BYTES: Final = 64
VECTOR_BYTES: Final = 16
TAG_BYTES: Final = 32
UNKNOWN_TO_TOOLS: Final = frozenset({"zip", "crit", "epk", "p2s", "b64"})
"""Members of a header that change what the content means, and that no restore tool heeds."""
_PARTS: Final = 5


class Envelope(NamedTuple):
    """A JWE whose parts have the lengths that they must have; `protected` is the header as it is authenticated."""

    header: dict[str, Any]
    protected: bytes
    encrypted_key: bytes
    vector: bytes
    ciphertext: bytes
    tag: bytes


def read_envelope(compact: str) -> Envelope:
    """Take a compact JWE apart; raises ValueError, which says what is not as it must be."""
    parts = compact.split(".")
    if len(parts) != _PARTS:
        message = "it does not have the five parts of a compact JWE"
        raise ValueError(message)
    header_text, encrypted_key, vector, ciphertext, tag = (_decode(part) for part in parts)
    if len(vector) != VECTOR_BYTES or len(tag) != TAG_BYTES:
        message = "its initialization vector or its tag has a wrong length"
        raise ValueError(message)
    if not ciphertext or len(ciphertext) % VECTOR_BYTES:
        message = "its ciphertext is not a number of whole blocks"
        raise ValueError(message)
    return Envelope(_read_header(header_text), parts[0].encode(), encrypted_key, vector, ciphertext, tag)


def open_envelope(envelope: Envelope, key: bytes) -> bytes:
    """Check that it is whole, and decrypt it with its 64-byte content key; raises ValueError."""
    from cryptography.exceptions import InvalidSignature
    from jwcrypto.jwa import JWA

    if len(key) != KEY_BYTES:
        message = "its content key has a wrong length"
        raise ValueError(message)
    algorithm = JWA.encryption_alg(ENCRYPTION)
    try:
        return bytes(algorithm.decrypt(key, envelope.protected, envelope.vector, envelope.ciphertext, envelope.tag))
    except (InvalidSignature, ValueError):
        message = "it is not whole: its tag is not that of its content under this key"
        raise ValueError(message) from None


def seal_envelope(content: bytes, header: dict[str, str], key: bytes, encrypted_key: bytes = b"") -> str:
    """Encrypt under a 64-byte content key, which `encrypted_key` holds for whoever is to open it."""
    from jwcrypto.jwa import JWA

    protected = encode(json.dumps(header, separators=(",", ":")).encode())
    vector, ciphertext, tag = JWA.encryption_alg(ENCRYPTION).encrypt(key, protected.encode(), content)
    return ".".join([protected, *(encode(part) for part in (encrypted_key, vector, ciphertext, tag))])


def _decode(part: str) -> bytes:
    try:
        return decode(part)
    except ValueError:
        message = "a part of it is not base64url"
        raise ValueError(message) from None


def _read_header(text: bytes) -> dict[str, Any]:
    try:
        return read_document(text, "a JWE's header")
    except SecurityDomainError:
        message = "its header is not a JSON object with every member once"
        raise ValueError(message) from None
