"""Base64url without padding, as JOSE has it (RFC 7515, section 2), and nothing but that."""

import base64
import binascii


def encode(content: bytes) -> str:
    """Write bytes as base64url without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Read base64url without padding; raises ValueError for any other text, also one that means the same bytes."""
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        message = "not base64url"
        raise ValueError(message) from error
    if encode(content) != text:
        message = "not the one base64url text of these bytes"
        raise ValueError(message)
    return content
