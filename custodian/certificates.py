"""Certificates: how they are named, read and made."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from custodian.errors import CustodianError
from custodian.files import read_file
from domain.security_domain.encoding import encode

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
    from cryptography.x509 import Certificate


SHORTEST_KEY: Final = 2048


class NamedCertificate(NamedTuple):
    """A certificate as people and files name it.

    `thumbprint` is base64url of the SHA-256 of the DER form, as the security domain has it; `sha256` is the same in
    hexadecimal, as people compare it.
    """

    source: str
    subject: str
    der: bytes
    thumbprint: str
    sha256: str


def name_certificate(certificate: "Certificate", source: str) -> NamedCertificate:
    """Name a certificate that came from `source`."""
    from cryptography.hazmat.primitives.serialization import Encoding

    der = certificate.public_bytes(Encoding.DER)
    digest = hashlib.sha256(der)
    subject = certificate.subject.rfc4514_string()
    return NamedCertificate(source, subject, der, encode(digest.digest()), digest.hexdigest())


def read_certificate(path: Path) -> NamedCertificate:
    """Read a file with exactly one certificate, PEM or DER; raises CustodianError `certificate_unreadable`."""
    from cryptography import x509

    content = read_file(path)
    if b"PRIVATE KEY" in content:
        raise CustodianError(
            "private_key_in_certificate", f"{path} holds a private key, which nobody but its custodian may have."
        )
    try:
        if b"-----BEGIN" in content:
            (certificate,) = x509.load_pem_x509_certificates(content)
        else:
            certificate = x509.load_der_x509_certificate(content)
        return name_certificate(certificate, path.name)
    except (ValueError, x509.InvalidVersion):
        raise CustodianError("certificate_unreadable", f"{path} is not one X.509 certificate.") from None


def public_key_of(certificate: NamedCertificate) -> "RSAPublicKey":
    """Give the public key; raises CustodianError `key_not_rsa`, where it is too short as well."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    try:
        key = x509.load_der_x509_certificate(certificate.der).public_key()
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPublicKey) or key.key_size < SHORTEST_KEY:
        raise CustodianError("key_not_rsa", f"{certificate.source} has no RSA key of {SHORTEST_KEY} bits or more.")
    return key


def make_certificate(key: "RSAPrivateKey", name: str, life: timedelta) -> "Certificate":
    """Sign a certificate with its own key; valid from yesterday on, since clocks differ."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=True,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + life)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
