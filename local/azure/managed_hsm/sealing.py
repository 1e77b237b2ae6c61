"""Backups are sealed under a key that comes from the security domain: only an HSM of the same domain opens them."""

import secrets
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from local.azure.managed_hsm.security_domain import PARTS

NONCE_BYTES: Final = 12


class NotOfThisDomainError(Exception):
    """What was to be opened was sealed under another domain, for another purpose, or was changed."""


def seal(domain: Mapping[str, bytes], purpose: str, content: bytes) -> bytes:
    """Encrypt for all HSMs of this domain."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(_derive(domain, purpose)).encrypt(nonce, content, None)


def unseal(domain: Mapping[str, bytes], purpose: str, sealed: bytes) -> bytes:
    """Decrypt what an HSM of this domain sealed; raises NotOfThisDomainError."""
    try:
        return AESGCM(_derive(domain, purpose)).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None)
    except (InvalidTag, ValueError):
        raise NotOfThisDomainError from None


def _derive(domain: Mapping[str, bytes], purpose: str) -> bytes:
    secret = b"".join(domain[tag] for tag in PARTS)
    return HKDF(hashes.SHA256(), 32, salt=None, info=purpose.encode()).derive(secret)
