"""The key under which a security domain comes into a new HSM, and the check of what comes.

Source of the format: azure-cli, command_modules/keyvault/custom.py, security_domain_init_recovery and -restore_blob.
"""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwcrypto.common import JWException
from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK
from pydantic import BaseModel, Field, ValidationError

from local.azure.managed_hsm.bodies import encode
from local.azure.managed_hsm.faults import bad_parameter
from local.azure.managed_hsm.security_domain import ENCRYPTION, MASTER_KEY_BYTES, derive_key, is_domain, thumbprint

KEY_SIZE: Final = 4096
_LIFE: Final = timedelta(days=365)


@dataclass(frozen=True)
class TransferKey:
    """A key pair of an HSM that waits for a security domain; its private half never leaves."""

    certificate: x509.Certificate
    private_key: rsa.RSAPrivateKey = field(repr=False)

    def describe(self) -> str:
        """Write it as a JSON text, as the service does."""
        numbers = self.private_key.public_key().public_numbers()
        der = self.certificate.public_bytes(Encoding.DER)
        key = {
            "kty": "RSA",
            "key_ops": ["wrapKey", "verify", "encrypt"],
            "kid": "not used",
            "n": encode(numbers.n.to_bytes(KEY_SIZE // 8)),
            "e": encode(numbers.e.to_bytes(3)),
            "x5c": [base64.b64encode(der).decode()],
            # x5t is SHA-1 by its definition (RFC 7517, 4.8).
            "x5t": encode(hashlib.sha1(der, usedforsecurity=False).digest()),
            "x5t#S256": thumbprint(self.certificate),
        }
        return json.dumps(key)


class EncryptedDatum(BaseModel):
    """One part of the domain."""

    compact_jwe: str
    tag: str


class EncryptedData(BaseModel):
    """All parts."""

    data: Annotated[list[EncryptedDatum], Field(min_length=1)]
    kdf: str


class WrappedKey(BaseModel):
    """The key of the parts, encrypted to the transfer key."""

    enc_key: str
    x5t_256: str


class RestoreBlob(BaseModel):
    """A security domain as it is uploaded."""

    EncData: EncryptedData
    WrappedKey: WrappedKey


def make_transfer_key(host: str) -> TransferKey:
    """Make a key pair and its self-signed certificate, which names the HSM's host."""
    key = rsa.generate_private_key(65537, KEY_SIZE)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=10))
        .not_valid_after(now + _LIFE)
        .sign(key, hashes.SHA256())
    )
    return TransferKey(certificate, key)


def open_restore_blob(value: str, transfer_key: TransferKey) -> dict[str, bytes]:
    """Decrypt an uploaded security domain; raises ServiceFault 400 if it is not whole, not for us or no HSM's."""
    try:
        blob = RestoreBlob.model_validate_json(value)
    except ValidationError:
        raise bad_parameter("The security domain cannot be read.") from None
    if blob.WrappedKey.x5t_256 != thumbprint(transfer_key.certificate):
        raise bad_parameter("The security domain is not encrypted to this HSM's transfer key.")
    if blob.EncData.kdf != "sp108_kdf":
        raise bad_parameter("The security domain's key derivation is not supported.")
    try:
        master_key = _decrypt(blob.WrappedKey.enc_key, _private_jwk(transfer_key), {"alg": "RSA-OAEP-256"})
        if len(master_key) != MASTER_KEY_BYTES:
            raise bad_parameter("The security domain's key has a wrong length.")
        domain = {item.tag: _open_datum(item, master_key) for item in blob.EncData.data}
    except (JWException, ValueError):
        raise bad_parameter("The security domain cannot be decrypted.") from None
    if not is_domain(domain):
        raise bad_parameter("What was uploaded is no HSM's security domain.")
    return domain


def _open_datum(datum: EncryptedDatum, master_key: bytes) -> bytes:
    key = JWK(kty="oct", k=encode(derive_key(master_key, datum.tag)))
    return _decrypt(datum.compact_jwe, key, {"alg": "dir", "kid": datum.tag})


def _decrypt(compact: str, key: JWK, expected: dict[str, str]) -> bytes:
    """Decrypt a compact JWE whose header says this; raises ValueError or JWException."""
    token = JWE(algs=[expected["alg"], ENCRYPTION])
    token.deserialize(compact)
    header: dict[str, Any] = token.jose_header
    if any(header.get(name) != value for name, value in expected.items()):
        message = "the header is not of this datum"
        raise ValueError(message)
    token.decrypt(key)
    return bytes(token.payload)


def _private_jwk(transfer_key: TransferKey) -> JWK:
    return JWK.from_pem(transfer_key.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
