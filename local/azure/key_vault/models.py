"""Vaults, and certificates with their versions; private halves leave only where a policy lets them."""

import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from local.azure.core.data_access import DataAccess
from local.azure.core.errors import ServiceFault
from local.azure.key_vault.bodies import Creation, Import, KeyUpdate, Update
from local.azure.key_vault.faults import bad_parameter, deleted_not_found, name_is_deleted, not_found, purge_protected
from local.azure.key_vault.importing import Imported, describe_imported
from local.azure.key_vault.issuing import Issued, PrivateKey
from local.azure.key_vault.policy import KeyUsageName, Policy, StoredPolicy
from local.azure.key_vault.roles import ROLES
from local.clock import Clock

RECOVERABLE_DAYS: Final = 90
# What a key may do for each usage of its certificate (source: About Key Vault certificates, the table of usages).
_OPERATIONS: Final[dict[KeyUsageName, list[str]]] = {
    "digitalSignature": ["sign", "verify"],
    "nonRepudiation": ["sign", "verify"],
    "keyCertSign": ["sign", "verify"],
    "cRLSign": ["sign", "verify"],
    "keyEncipherment": ["wrapKey", "unwrapKey"],
    "dataEncipherment": ["encrypt", "decrypt"],
    "encipherOnly": ["encrypt"],
    "decipherOnly": ["decrypt"],
}
_OF_RSA: Final = ("encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey")
_OF_CURVES: Final = ("sign", "verify")


@dataclass
class Version:
    """One version of a certificate, with the key and the secret that belong to it."""

    certificate: x509.Certificate
    policy: Policy
    private_key: PrivateKey | None = field(default=None, repr=False)
    chain: list[x509.Certificate] = field(default_factory=list)
    enabled: bool = True
    key_enabled: bool = True
    tags: dict[str, str] = field(default_factory=dict)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    created: int = field(default_factory=lambda: int(time.time()))
    updated: int = field(default_factory=lambda: int(time.time()))

    @property
    def usable_key(self) -> bool:
        """Whether its key may be read and used: it goes with the certificate, and can be disabled alone."""
        return self.enabled and self.key_enabled

    @property
    def key_operations(self) -> list[str]:
        """What the key may do: all that its type can where the certificate names no usage."""
        possible = _OF_CURVES if isinstance(self.certificate.public_key(), ec.EllipticCurvePublicKey) else _OF_RSA
        usages = self.policy.x509_props.key_usage
        allowed = {operation for usage in usages for operation in _OPERATIONS.get(usage, [])}
        return [operation for operation in possible if operation in allowed or not usages]

    def change(self, update: Update) -> None:
        """Change what can be changed of a version."""
        if update.attributes.enabled is not None:
            self.enabled = update.attributes.enabled
        if update.tags is not None:
            self.tags = update.tags
        self.updated = int(time.time())

    def change_key(self, change: KeyUpdate) -> None:
        """Change what can be changed of its key alone."""
        if change.attributes.enabled is not None:
            self.key_enabled = change.attributes.enabled
        self.updated = int(time.time())


@dataclass
class Request:
    """The request that a version was made by."""

    request: x509.CertificateSigningRequest
    issuer: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass
class Certificate:
    """A certificate: what its next version will be, and the versions that are."""

    name: str
    stored: StoredPolicy
    versions: list[Version] = field(default_factory=list)
    pending: Request | None = None


@dataclass
class DeletedCertificate:
    """A soft-deleted certificate, which keeps its name until it is purged."""

    certificate: Certificate
    deleted_at: datetime

    @property
    def purge_at(self) -> datetime:
        """When Key Vault purges it by itself."""
        return self.deleted_at + timedelta(days=RECOVERABLE_DAYS)


class Vault:
    """One vault."""

    def __init__(self, name: str, clock: Clock, *, restricted: bool = False) -> None:
        self.name = name
        self.purge_protection = False
        self.access = DataAccess(ROLES, restricted)
        self._clock = clock
        self._certificates: dict[str, Certificate] = {}
        self._deleted: dict[str, DeletedCertificate] = {}

    @property
    def url(self) -> str:
        """Where it is."""
        return f"https://{self.name}.vault.azure.net"

    @property
    def recovery_level(self) -> str:
        """What becomes of what is deleted from it."""
        return "Recoverable" if self.purge_protection else "Recoverable+Purgeable"

    def certificates(self) -> list[Certificate]:
        """List the certificates by name."""
        return [certificate for _, certificate in sorted(self._certificates.items())]

    def deleted(self) -> list[DeletedCertificate]:
        """List the deleted certificates by name, without those that were purged in the meantime."""
        now = self._clock.date()
        self._deleted = {name: item for name, item in self._deleted.items() if item.purge_at > now}
        return [item for _, item in sorted(self._deleted.items())]

    def find(self, name: str, kind: str = "certificate") -> Certificate:
        """Find a certificate; raises ServiceFault 404 that calls it what was asked for."""
        found = self._certificates.get(name.lower())
        if found is None:
            raise not_found(kind, name)
        return found

    def find_version(self, name: str, version: str, kind: str = "certificate") -> Version:
        """Find a version, the latest where none is named; raises ServiceFault 404."""
        for found in reversed(self.find(name, kind).versions):
            if version in ("", found.id):
                return found
        raise not_found(kind, f"{name}/{version}")

    def find_deleted(self, name: str) -> DeletedCertificate:
        """Find a deleted certificate; raises ServiceFault 404."""
        for item in self.deleted():
            if item.certificate.name.lower() == name.lower():
                return item
        raise deleted_not_found(name)

    def key_to_reuse(self, name: str, policy: Policy) -> PrivateKey | None:
        """Give the latest version's key where the policy wants it again; raises ServiceFault 409 for a deleted name."""
        self._check_name(name)
        latest = self._certificates[name.lower()].versions[-1] if name.lower() in self._certificates else None
        if latest is None or latest.private_key is None or not policy.key_props.reuse_key:
            return None
        fits = latest.policy.key_props.kty == policy.key_props.kty
        return latest.private_key if fits and latest.policy.key_props.key_size == policy.key_props.key_size else None

    def add_issued(self, name: str, creation: Creation, key: PrivateKey, issued: Issued) -> Certificate:
        """Add a version that Key Vault made; raises ServiceFault 409."""
        version = Version(issued.certificate, creation.policy, key)
        certificate = self._add(name, creation.policy, version, creation)
        certificate.pending = Request(issued.request, creation.policy.issuer.name)
        return certificate

    def add_imported(self, name: str, body: Import, imported: Imported) -> Certificate:
        """Add a version that was made elsewhere; raises ServiceFault 409, or 400 for its key."""
        policy = describe_imported(imported.certificate, body.policy)
        if isinstance(imported.private_key, rsa.RSAPrivateKey) and policy.key_props.key_size not in (2048, 3072, 4096):
            raise bad_parameter("value", "its RSA key has none of 2048, 3072 and 4096 bits")
        version = Version(imported.certificate, policy, imported.private_key, imported.chain)
        return self._add(name, policy, version, body)

    def plant(self, name: str, certificate: x509.Certificate, *, enabled: bool) -> Version:
        """Add a version without a private key, of any public certificate, as no client could."""
        try:
            policy = describe_imported(certificate, Policy())
        except ServiceFault:
            policy = Policy()
        version = Version(certificate, policy, enabled=enabled)
        self._add(name, policy, version, None)
        return version

    def delete(self, name: str) -> DeletedCertificate:
        """Soft-delete a certificate; raises ServiceFault 404."""
        certificate = self.find(name)
        del self._certificates[name.lower()]
        item = self._deleted[name.lower()] = DeletedCertificate(certificate, self._clock.date())
        return item

    def recover(self, name: str) -> Certificate:
        """Take a deletion back; raises ServiceFault 404."""
        item = self.find_deleted(name)
        del self._deleted[name.lower()]
        self._certificates[name.lower()] = item.certificate
        return item.certificate

    def purge(self, name: str) -> None:
        """Delete a deleted certificate for good; raises ServiceFault 404, and 403 where purge protection is on."""
        self.find_deleted(name)
        if self.purge_protection:
            raise purge_protected(self.name)
        del self._deleted[name.lower()]

    def _add(self, name: str, policy: Policy, version: Version, body: Creation | Import | None) -> Certificate:
        self._check_name(name)
        if body is not None:
            version.tags = body.tags or {}
            version.enabled = body.attributes.enabled is not False
        certificate = self._certificates.setdefault(name.lower(), Certificate(name, StoredPolicy(policy)))
        certificate.stored.change(policy)
        certificate.versions.append(version)
        return certificate

    def _check_name(self, name: str) -> None:
        if any(item.certificate.name.lower() == name.lower() for item in self.deleted()):
            raise name_is_deleted(name)


class Vaults:
    """All vaults of the tenant."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._vaults: dict[str, Vault] = {}

    def create(self, name: str, *, restricted: bool = False, purge_protection: bool = False) -> Vault:
        """Make a vault, or give the one of this name with its access as it is now asked for.

        Purge protection that is on stays on.
        """
        vault = self._vaults.setdefault(name.lower(), Vault(name.lower(), self._clock))
        vault.access.restricted = restricted
        vault.purge_protection = vault.purge_protection or purge_protection
        return vault

    def find(self, name: str) -> Vault:
        """Find a vault; raises ServiceFault 404, where in reality the name does not resolve."""
        vault = self._vaults.get(name.lower())
        if vault is None:
            raise ServiceFault(404, "VaultNotFound", "There is no vault at this address.")
        return vault
