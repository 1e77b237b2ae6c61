"""What brings a security domain into another HSM: its transfer key, and the blob that is encrypted to it.

Source: azure-cli, command_modules/keyvault/custom.py, security_domain_init_recovery and security_domain_restore_blob.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Annotated, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.security_domain.checks import MODULUS_BYTES
from domain.security_domain.document import PARTS, EncryptedData, tell
from domain.security_domain.documents import read_document
from domain.security_domain.encoding import encode
from domain.security_domain.envelopes import (
    ENCRYPTION,
    KEY_BYTES,
    UNKNOWN_TO_TOOLS,
    Envelope,
    read_envelope,
    seal_envelope,
)
from domain.security_domain.errors import SecurityDomainError
from domain.security_domain.opening import derive_data_key
from domain.security_domain.shares import MASTER_KEY_BYTES

WRAPPING: Final = "RSA-OAEP-256"
# 32 bytes fill two blocks, and the padding a third.
_WRAPPED_KEY_BYTES: Final = 48


class TransferKey(NamedTuple):
    """The public key of an HSM that waits for a security domain.

    `thumbprint` is base64url of the SHA-256 of its certificate's DER, as the restore blob names it; `sha256` is the
    same in hexadecimal, as people compare it.
    """

    der: bytes
    thumbprint: str
    sha256: str
    modulus_bytes: int


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, hide_input_in_errors=True, extra="forbid")


class WrappedKey(_Model):
    """The new master key, encrypted to the transfer key that `x5t_256` names."""

    enc_key: str
    x5t_256: str


class RestoreBlob(_Model):
    """A security domain as it is uploaded."""

    enc_data: EncryptedData = Field(alias="EncData")
    wrapped_key: WrappedKey = Field(alias="WrappedKey")


class _Jwk(BaseModel):
    model_config = ConfigDict(strict=True, hide_input_in_errors=True)

    x5c: Annotated[list[str], Field(min_length=1)]


def read_transfer_key(text: str) -> TransferKey:
    """Read a transfer key: a JWK as JSON, as the HSM gives it, or its certificate as PEM.

    Only the certificate in `x5c` counts: what else a JWK says of it is computed.

    Raises SecurityDomainError `transfer_key_unreadable`.
    """
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        if text.lstrip().startswith("{"):
            jwk = _Jwk.model_validate(read_document(text.encode(), "a transfer key"))
            certificate = x509.load_der_x509_certificate(base64.b64decode(jwk.x5c[0], validate=True))
        else:
            certificate = x509.load_pem_x509_certificate(text.encode())
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion, SecurityDomainError):
        raise _unreadable() from None
    if not isinstance(key, RSAPublicKey) or key.key_size // 8 not in MODULUS_BYTES:
        raise _unreadable()
    der = certificate.public_bytes(Encoding.DER)
    digest = hashlib.sha256(der)
    return TransferKey(der, encode(digest.digest()), digest.hexdigest(), key.key_size // 8)


def make_restore_blob(data: Mapping[str, bytes], key: TransferKey) -> str:
    """Encrypt an HSM's secrets under a new master key, and that to the transfer key.

    Raises SecurityDomainError `transfer_key_unreadable` where nothing can be encrypted to it: its numbers are damaged.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    public_key = x509.load_der_x509_certificate(key.der).public_key()
    if not isinstance(public_key, RSAPublicKey):
        raise _unreadable()
    master_key, content_key = secrets.token_bytes(MASTER_KEY_BYTES), secrets.token_bytes(KEY_BYTES)
    try:
        wrapped = public_key.encrypt(content_key, OAEP(MGF1(hashes.SHA256()), hashes.SHA256(), None))
    except ValueError:
        raise _unreadable() from None
    header = {"alg": WRAPPING, "enc": ENCRYPTION, "kid": "not used"}
    blob = {
        "EncData": {
            "data": [
                {"compact_jwe": _seal_part(content, tag, derive_data_key(master_key, tag)), "tag": tag}
                for tag, content in data.items()
            ],
            "kdf": "sp108_kdf",
        },
        "WrappedKey": {"enc_key": seal_envelope(master_key, header, content_key, wrapped), "x5t_256": key.thumbprint},
    }
    return json.dumps(blob)


def check_restore_blob(content: bytes, thumbprint: str, modulus_bytes: int) -> None:
    """Check all of a restore blob that can be checked without the HSM's private key.

    Raises SecurityDomainError: `not_json`, `restore_blob_malformed`, `restore_blob_for_another_key`.
    """
    document = read_document(content, "a restore blob")
    if "SharedKeys" in document:
        raise _malformed("it is the security domain itself, which only its custodians may turn into a restore blob")
    try:
        blob = RestoreBlob.model_validate(document)
    except ValidationError as error:
        raise _malformed("; ".join(tell(error))) from None
    if blob.wrapped_key.x5t_256 != thumbprint:
        raise SecurityDomainError(
            "restore_blob_for_another_key", "The restore blob is encrypted to another key than this HSM's transfer key."
        )
    wrapped = _read(blob.wrapped_key.enc_key, "the wrapped key", {"alg": WRAPPING, "enc": ENCRYPTION})
    if len(wrapped.encrypted_key) != modulus_bytes or len(wrapped.ciphertext) != _WRAPPED_KEY_BYTES:
        raise _malformed("the wrapped key does not have the length that the transfer key makes it")
    tags = [datum.tag for datum in blob.enc_data.data]
    if len(set(tags)) < len(tags) or not set(PARTS) <= set(tags):
        raise _malformed("it does not have each part of an HSM's secrets once")
    for datum in blob.enc_data.data:
        part = _read(datum.compact_jwe, "a part", {"alg": "dir", "enc": ENCRYPTION, "kid": datum.tag})
        if part.encrypted_key:
            raise _malformed("a part has an encrypted key, where its key is derived")


def _seal_part(content: bytes, tag: str, key: bytes) -> str:
    return seal_envelope(content, {"alg": "dir", "enc": ENCRYPTION, "kid": tag}, key)


def _read(compact: str, what: str, expected: Mapping[str, str]) -> Envelope:
    try:
        envelope = read_envelope(compact)
    except ValueError as error:
        raise _malformed(f"{what}: {error}") from None
    header = envelope.header
    if any(header.get(name) != value for name, value in expected.items()) or header.keys() & UNKNOWN_TO_TOOLS:
        raise _malformed(f"{what}: its header is not as it must be")
    return envelope


def _malformed(why: str) -> SecurityDomainError:
    return SecurityDomainError("restore_blob_malformed", f"This is no restore blob: {why}.")


def _unreadable() -> SecurityDomainError:
    return SecurityDomainError("transfer_key_unreadable", "This is no transfer key of an HSM.")
