"""The routine drill of one custodian: they open their own share, and prove it without showing anything of it.

The service encrypts a nonce to the custodian's certificate. Whoever has its private key, and the security domain at
hand, answers with a proof that the nonce gives: it is bound to the challenge, to the bytes and to the certificate.
"""

import hmac
import secrets
from typing import Annotated, Final

from pydantic import AwareDatetime, Field

from domain.model import Model
from domain.security_domain.encoding import encode

ALGORITHM: Final = "RSA-OAEP-256"
"""How the nonce is encrypted: what a key in a Key Vault unwraps, too."""
NONCE_BYTES: Final = 32

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Thumbprint = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]
Base64Url = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$", max_length=1000)]


class ShareChallenge(Model):
    """What a custodian is asked, as a document that may go by any way: only their private key reads the nonce."""

    id: Annotated[str, Field(pattern=r"^[0-9A-HJKMNP-TV-Z]{26}$")]
    """The id of the share check."""
    hsm: Annotated[str, Field(pattern=r"^[a-z0-9-]{3,24}$")]
    """The name of the HSM."""
    security_domain_sha256: Sha256
    """The SHA-256 of the stored bytes, in hex."""
    thumbprint: Thumbprint
    """The SHA-256 thumbprint of the certificate, by which the security domain names its share."""
    encrypted_nonce: Base64Url
    """32 bytes, encrypted to the certificate by RSA-OAEP with SHA-256, as base64url."""
    expires_at: AwareDatetime
    """Until when an answer is taken."""


class ShareAnswer(Model):
    """What the custodian answers: which bytes they opened their share of, and the proof."""

    challenge_id: Annotated[str, Field(pattern=r"^[0-9A-HJKMNP-TV-Z]{26}$")]
    """The id of the challenge."""
    security_domain_sha256: Sha256
    """The SHA-256 of the bytes that they opened their share of, in hex."""
    thumbprint: Thumbprint
    """The SHA-256 thumbprint of their certificate."""
    proof: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]
    """HMAC-SHA256 under the nonce, over the challenge, the bytes and the certificate, as base64url."""


def new_nonce() -> bytes:
    """Make the nonce of a challenge; only what it proves is kept of it."""
    return secrets.token_bytes(NONCE_BYTES)


def encrypt_nonce(nonce: bytes, certificate_der: bytes) -> str:
    """Encrypt a nonce to a wrapping certificate; raises TypeError where that has no RSA key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    key = x509.load_der_x509_certificate(certificate_der).public_key()
    if not isinstance(key, RSAPublicKey):
        message = "a wrapping certificate has an RSA key"
        raise TypeError(message)
    return encode(key.encrypt(nonce, OAEP(MGF1(hashes.SHA256()), hashes.SHA256(), None)))


def prove(nonce: bytes, challenge_id: str, security_domain_sha256: str, thumbprint: str) -> str:
    """Compute the proof that a nonce gives: HMAC-SHA256 over what it is bound to, as base64url."""
    bound = "\0".join(("share-check", challenge_id, security_domain_sha256, thumbprint))
    return encode(hmac.digest(nonce, bound.encode(), "sha256"))
