"""Vaults and their certificates; private halves never leave."""

import base64
import hashlib
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from local.azure.core.errors import ServiceFault

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass
class Version:
    """One version of a certificate."""

    certificate: x509.Certificate
    enabled: bool = True
    policy: dict[str, Any] = field(default_factory=dict)
    private_key: PrivateKey | None = field(default=None, repr=False)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    created: int = field(default_factory=lambda: int(time.time()))


class Vaults:
    """All vaults of the tenant."""

    def __init__(self) -> None:
        self.vaults: dict[str, dict[str, list[Version]]] = {}

    def certificates(self, vault: str) -> dict[str, list[Version]]:
        """Find a vault; raises ServiceFault 404."""
        if vault not in self.vaults:
            raise ServiceFault(404, "VaultNotFound", "There is no vault at this address.")
        return self.vaults[vault]

    def find(self, vault: str, name: str, version: str) -> Version:
        """Find a version, the latest where none is named; raises ServiceFault 404."""
        versions = self.certificates(vault).get(name.lower(), [])
        found = [item for item in versions if version in ("", item.id)]
        if not found:
            message = f"A certificate with (name/id) {name}/{version} was not found in this key vault."
            raise ServiceFault(404, "CertificateNotFound", message)
        return found[-1]

    def add(self, vault: str, name: str, version: Version) -> Version:
        """Add a version."""
        self.certificates(vault).setdefault(name.lower(), []).append(version)
        return version


def make_self_signed(policy: dict[str, Any]) -> Version:
    """Make a key pair and a certificate as the policy says."""
    key_properties = policy.get("key_props") or {}
    x509_properties = policy.get("x509_props") or {}
    key = _make_key(key_properties)
    now = datetime.now(UTC)
    subject = x509.Name.from_rfc4514_string(x509_properties.get("subject") or "CN=DefaultPolicy")
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=10))
        .not_valid_after(now + timedelta(days=30 * int(x509_properties.get("validity_months") or 12)))
        .sign(key, hashes.SHA256())
    )
    return Version(certificate, policy=policy, private_key=key)


def _make_key(properties: dict[str, Any]) -> PrivateKey:
    kind = properties.get("kty") or "RSA"
    if kind.startswith("EC"):
        return ec.generate_private_key(ec.SECP256R1())
    size = int(properties.get("key_size") or 2048)
    if size not in (2048, 3072, 4096):
        raise ServiceFault(400, "BadParameter", "The key size is not supported.")
    return rsa.generate_private_key(65537, size)


def describe(vault: str, name: str, version: Version) -> dict[str, Any]:
    """Write a certificate bundle."""
    base = f"https://{vault}.vault.azure.net"
    der = version.certificate.public_bytes(Encoding.DER)
    # x5t is SHA-1 by its definition (RFC 7517, 4.8).
    sha1 = base64.urlsafe_b64encode(hashlib.sha1(der, usedforsecurity=False).digest())
    return {
        "id": f"{base}/certificates/{name}/{version.id}",
        "kid": f"{base}/keys/{name}/{version.id}",
        "sid": f"{base}/secrets/{name}/{version.id}",
        "x5t": sha1.rstrip(b"=").decode(),
        "cer": base64.b64encode(der).decode(),
        "attributes": {
            "enabled": version.enabled,
            "nbf": int(version.certificate.not_valid_before_utc.timestamp()),
            "exp": int(version.certificate.not_valid_after_utc.timestamp()),
            "created": version.created,
            "updated": version.created,
            "recoveryLevel": "Recoverable+Purgeable",
            "recoverableDays": 90,
        },
        "policy": version.policy,
    }
