"""An HSM: how it comes to be, and what it does with its security domain."""

import hashlib
import secrets
import uuid
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import Certificate

from local.azure.core.errors import ServiceFault
from local.azure.core.transitions import Timing, Transition
from local.azure.managed_hsm.security_domain import make_security_domain, thumbprint

KEY_SIZES: Final = (2048, 3072, 4096)
DOMAIN_PARTS: Final = {"hsm_backup": 2048, "base_enclave_backup": 512, "partition_enclave_backup": 512}


@dataclass
class Export:
    """One download of the security domain; kept by its hash, never by its bytes."""

    number: int
    sha256: str
    required: int
    thumbprints: list[str]
    confirmation: Transition
    superseded: bool = False

    @property
    def outcome(self) -> str:
        """InProgress, Success, Failed or Superseded."""
        return "Superseded" if self.superseded else self.confirmation.state


@dataclass
class ExportRules:
    """How exports behave, for all HSMs; the control API decides."""

    during_activation: Literal["again", "refuse"] = "again"
    outcomes: deque[str] = field(default_factory=deque)


def _new_domain() -> dict[str, bytes]:
    return {tag: secrets.token_bytes(size) for tag, size in DOMAIN_PARTS.items()}


@dataclass
class ManagedHsm:
    """One HSM, as its resource provider and its data plane know it."""

    name: str
    subscription_id: str
    resource_group: str
    location: str
    sku: dict[str, str]
    tags: dict[str, str]
    properties: dict[str, Any]
    provisioning: Transition
    created_by: str
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    domain: dict[str, bytes] = field(default_factory=_new_domain, repr=False)
    exports: list[Export] = field(default_factory=list)
    operation_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def ready(self) -> bool:
        """Whether the data plane answers."""
        return self.provisioning.state == "Succeeded"

    @property
    def active(self) -> bool:
        """Whether an export was ever confirmed."""
        return any(export.outcome == "Success" for export in self.exports)

    @property
    def administrators(self) -> list[str]:
        """The initial administrators' object ids."""
        return [str(administrator).lower() for administrator in self.properties["initialAdminObjectIds"]]

    def make_domain(self, certificates: list[Certificate], required: int) -> str:
        """Encrypt the security domain anew; changes nothing."""
        return make_security_domain(self.domain, certificates, required)

    def record_export(
        self, value: str, certificates: list[Certificate], required: int, rules: ExportRules, timing: Timing
    ) -> None:
        """Hand out a security domain and begin to confirm it; raises ServiceFault 409 where that is refused."""
        last = self.exports[-1] if self.exports else None
        if last is not None and last.outcome == "InProgress":
            if rules.during_activation == "refuse":
                raise ServiceFault(409, "Conflict", "A security domain operation is already in progress.")
            last.superseded = True
        outcome = rules.outcomes.popleft() if rules.outcomes else "Success"
        self.exports.append(
            Export(
                number=len(self.exports) + 1,
                sha256=hashlib.sha256(value.encode()).hexdigest(),
                required=required,
                thumbprints=[thumbprint(certificate) for certificate in certificates],
                confirmation=timing.begin([("InProgress", timing.activation_seconds)], outcome),
            )
        )


def check_wrapping_certificates(certificates: list[Certificate], required: int) -> None:
    """Refuse what the service refuses; raises ServiceFault 400. Expired certificates are accepted, as in reality."""
    if not 3 <= len(certificates) <= 10 or not 2 <= required <= len(certificates):
        raise ServiceFault(400, "BadParameter", "The number of certificates or the quorum is out of range.")
    for certificate in certificates:
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey) or key.key_size not in KEY_SIZES:
            raise ServiceFault(400, "BadParameter", "A certificate has no RSA key of 2048, 3072 or 4096 bits.")


def describe_exports(hsm: ManagedHsm) -> list[dict[str, Any]]:
    """Describe the exports for the control API."""
    return [
        {
            "number": export.number,
            "sha256": export.sha256,
            "outcome": export.outcome,
            "required": export.required,
            "thumbprints": export.thumbprints,
        }
        for export in hsm.exports
    ]
