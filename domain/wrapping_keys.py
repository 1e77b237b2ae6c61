"""Wrapping certificates: reading them, and the rules that one of them, or all together, must keep."""

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from domain.errors import FieldError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

KEY_SIZES: Final = (2048, 3072, 4096)


class WrappingKeyFault(NamedTuple):
    """Why a certificate cannot wrap a share."""

    code: str
    message: str


class WrappingCertificate(NamedTuple):
    """The public half of one custodian's wrapping key.

    `thumbprint` is base64url without padding of the SHA-256 of the DER form: the `x5t_256` by which every restore finds
    its share. `modulus_bytes` is the length of the RSA modulus. `modulus_sha256` tells RSA keys apart, whatever
    certificate they come in: whoever holds one key of a modulus can compute all others. For other keys they are empty.
    """

    pem: str
    der: bytes
    thumbprint: str
    modulus_bytes: int
    modulus_sha256: str


def read_pem(pem: str) -> WrappingCertificate | WrappingKeyFault:
    """Read exactly one certificate from PEM text; private keys are refused and never repeated."""
    from cryptography import x509

    if "PRIVATE KEY" in pem:
        return WrappingKeyFault(
            "private_key_sent",
            "This holds a private key, which is exposed now: make a new key pair, and send the certificate only.",
        )
    try:
        certificates = x509.load_pem_x509_certificates(pem.encode())
    except (ValueError, TypeError, x509.InvalidVersion):
        certificates = []
    if len(certificates) != 1:
        return WrappingKeyFault("wrapping_key_unreadable", "This is not one X.509 certificate in PEM.")
    return read_certificate(certificates[0])


def read_der(der: bytes) -> WrappingCertificate | WrappingKeyFault:
    """Read a certificate in DER, as Key Vault gives it."""
    from cryptography import x509

    try:
        return read_certificate(x509.load_der_x509_certificate(der))
    except (ValueError, x509.InvalidVersion):
        return WrappingKeyFault("wrapping_key_unreadable", "Key Vault's answer holds no X.509 certificate.")


def read_certificate(certificate: "Certificate") -> WrappingCertificate | WrappingKeyFault:
    """Take what we need from a parsed certificate; a key that cannot be read is a fault like any other."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return WrappingKeyFault("wrapping_key_unreadable", "The certificate's public key cannot be read.")
    der = certificate.public_bytes(Encoding.DER)
    return WrappingCertificate(
        pem=certificate.public_bytes(Encoding.PEM).decode(),
        der=der,
        thumbprint=base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode(),
        modulus_bytes=key.key_size // 8 if isinstance(key, RSAPublicKey) else 0,
        modulus_sha256=_digest(key.public_numbers().n) if isinstance(key, RSAPublicKey) else "",
    )


def _digest(number: int) -> str:
    return hashlib.sha256(number.to_bytes((number.bit_length() + 7) // 8)).hexdigest()


def check_wrapping_key(key: WrappingCertificate, now: datetime | None) -> WrappingKeyFault | None:
    """Say what keeps this certificate from wrapping a share: RSA of 2048, 3072 or 4096 bits, valid `now`, if given."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    certificate = x509.load_der_x509_certificate(key.der)
    public_key = certificate.public_key()
    signing_only = certificate.public_key_algorithm_oid == x509.PublicKeyAlgorithmOID.RSASSA_PSS
    if not isinstance(public_key, RSAPublicKey) or signing_only:
        return WrappingKeyFault("wrapping_key_not_rsa", "A wrapping key is an RSA key that may encrypt.")
    if public_key.key_size not in KEY_SIZES:
        return WrappingKeyFault(
            "wrapping_key_size", f"A wrapping key has 2048, 3072 or 4096 bits; this one has {public_key.key_size}."
        )
    return _check_dates(certificate, now) if now else None


def _check_dates(certificate: "Certificate", now: datetime) -> WrappingKeyFault | None:
    if certificate.not_valid_after_utc < now:
        return WrappingKeyFault(
            "wrapping_key_expired", f"The certificate expired on {certificate.not_valid_after_utc:%Y-%m-%d}."
        )
    if certificate.not_valid_before_utc > now:
        return WrappingKeyFault(
            "wrapping_key_not_yet_valid",
            f"The certificate is valid only from {certificate.not_valid_before_utc:%Y-%m-%d}.",
        )
    return None


def is_expired(key: WrappingCertificate, now: datetime) -> bool:
    """Say whether a certificate has expired; its key opens what was encrypted to it nevertheless."""
    from cryptography import x509

    return x509.load_der_x509_certificate(key.der).not_valid_after_utc < now


def check_wrapping_keys(
    keys: Sequence[WrappingCertificate | WrappingKeyFault | None], now: datetime | None
) -> list[FieldError]:
    """Check every key and that no public key comes twice; None stands for a key that is not at hand yet.

    Where `now` is None, their dates are not looked at.
    """
    errors: list[FieldError] = []
    seen: dict[str, int] = {}
    for index, key in enumerate(keys):
        fault = _check_one(index, key, seen, now)
        if fault is not None:
            errors.append(FieldError(field=wrapping_key_field(index), message=fault.message, code=fault.code))
    return errors


def wrapping_key_field(index: int) -> str:
    """Name a wrapping key of the request as error messages do."""
    return f"securityDomain.wrappingKeys[{index}]"


def _check_one(
    index: int, key: WrappingCertificate | WrappingKeyFault | None, seen: dict[str, int], now: datetime | None
) -> WrappingKeyFault | None:
    if key is None or isinstance(key, WrappingKeyFault):
        return key
    fault = check_wrapping_key(key, now)
    if fault is not None:
        return fault
    first = seen.setdefault(key.modulus_sha256, index)
    if first == index:
        return None
    return WrappingKeyFault(
        "wrapping_key_duplicated",
        f"This is the public key of {wrapping_key_field(first)}: whoever holds it would hold two shares.",
    )
