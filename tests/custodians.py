"""Key custodians with keys made offline, and the requests that name them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from local.stack import Stack
from tests.security_domain_opener import thumbprint

# Whom nobody looks up, where the service stays an administrator.
ADMINISTRATOR: Final = "6b8a4a0f-5b0e-4c38-9a51-3c1d4f0f7a11"
# What network rules have besides ranges where a request does not say.
NO_OTHER_RULES = {"virtualNetworkRules": [], "serviceTags": [], "bypass": "AzureServices"}

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class Custodian(NamedTuple):
    name: str
    key: PrivateKey
    pem: str

    @property
    def thumbprint(self) -> str:
        return thumbprint(x509.load_pem_x509_certificate(self.pem.encode()))

    @property
    def expires_at(self) -> datetime:
        return x509.load_pem_x509_certificate(self.pem.encode()).not_valid_after_utc


def make_custodian(
    name: str,
    key: PrivateKey | None = None,
    *,
    bits: int = 2048,
    begins_in_days: int = -1,
    days: int = 365,
    seconds: int = 0,
    public_key: rsa.RSAPublicKey | None = None,
) -> Custodian:
    key = key or rsa.generate_private_key(65537, bits)
    begins = datetime.now(UTC) + timedelta(days=begins_in_days)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public_key or key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=days, seconds=seconds))
        .sign(key, hashes.SHA256())
    )
    return Custodian(name, key, certificate.public_bytes(Encoding.PEM).decode())


def wrapping_keys(custodians: Sequence[Custodian]) -> list[dict[str, str]]:
    return [{"custodian": custodian.name, "pem": custodian.pem} for custodian in custodians]


def request_for(stack: Stack, custodians: Sequence[Custodian], **changes: Any) -> dict[str, Any]:
    return {
        "subscriptionId": stack.azure.endpoints.subscription_id,
        "resourceGroup": "rg-hsm",
        "location": "norwayeast",
        "administrators": [ADMINISTRATOR],
        "softDeleteRetentionDays": 7,
        "environment": "development",
        "tags": {"owner": "team-a"},
        "securityDomain": {"quorum": 2, "wrappingKeys": wrapping_keys(custodians)},
        **changes,
    }
