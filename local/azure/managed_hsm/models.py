"""An HSM: how it comes to be, what it does with its security domain, and what it holds."""

import hashlib
import uuid
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Final, Literal

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import Certificate

from local.azure.core.errors import ServiceFault
from local.azure.core.transitions import Timing, Transition
from local.azure.managed_hsm.faults import conflict
from local.azure.managed_hsm.hits import Hits
from local.azure.managed_hsm.jobs import Jobs
from local.azure.managed_hsm.keys import KeyRing, Recovery
from local.azure.managed_hsm.roles import LocalRoles
from local.azure.managed_hsm.security_domain import make_security_domain, new_domain, thumbprint
from local.azure.managed_hsm.settings import Settings
from local.azure.managed_hsm.transfer_key import TransferKey, make_transfer_key

KEY_SIZES: Final = (2048, 3072, 4096)


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
    """How exports behave, and uploads end, for all HSMs; the control API decides."""

    during_activation: Literal["again", "refuse"] = "again"
    outcomes: deque[str] = field(default_factory=deque)
    upload_outcomes: deque[str] = field(default_factory=deque)


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
    domain: dict[str, bytes] = field(default_factory=new_domain, repr=False)
    exports: list[Export] = field(default_factory=list)
    operation_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    identity: dict[str, Any] = field(default_factory=dict)
    private_callers: set[str] = field(default_factory=set)
    transfer_key: TransferKey | None = field(default=None, repr=False)
    upload: Transition | None = None
    keys: KeyRing = field(default_factory=KeyRing)
    settings: Settings = field(default_factory=Settings)
    jobs: Jobs = field(default_factory=Jobs)
    hits: Hits = field(default_factory=Hits, repr=False)
    roles: LocalRoles = field(init=False)
    lock: Lock = field(default_factory=Lock, repr=False)

    def __post_init__(self) -> None:
        """Make the initial administrators what their name says."""
        self.roles = LocalRoles(self.administrators)

    @property
    def ready(self) -> bool:
        """Whether the data plane answers."""
        return self.provisioning.state == "Succeeded"

    @property
    def active(self) -> bool:
        """Whether an export was ever confirmed, or a security domain taken in."""
        uploaded = self.upload is not None and self.upload.state == "Success"
        return uploaded or any(export.outcome == "Success" for export in self.exports)

    @property
    def administrators(self) -> list[str]:
        """The initial administrators' object ids."""
        return [str(administrator).lower() for administrator in self.properties["initialAdminObjectIds"]]

    @property
    def recovery(self) -> Recovery:
        """How deleted keys are kept."""
        days = int(self.properties.get("softDeleteRetentionInDays") or 90)
        return Recovery(days, bool(self.properties.get("enablePurgeProtection")))

    def is_restoring(self) -> bool:
        """Whether a full restore keeps the data plane closed."""
        return self.jobs.is_restoring()

    def find_transfer_key(self) -> TransferKey:
        """Give the transfer key, which is made when it is first asked for."""
        with self.lock:
            self.transfer_key = self.transfer_key or make_transfer_key(f"{self.name}.managedhsm.azure.net")
            return self.transfer_key

    def replace_transfer_key(self) -> None:
        """Have another transfer key made when it is next asked for; only the control API does that."""
        with self.lock:
            self.transfer_key = None

    def record_upload(self, domain: dict[str, bytes], rules: ExportRules, timing: Timing) -> None:
        """Take in another HSM's security domain, and its keys' hierarchy with it; raises ServiceFault 409."""
        self.check_upload()
        outcome = rules.upload_outcomes.popleft() if rules.upload_outcomes else "Success"
        if outcome == "Success":
            self.domain = domain
        self.upload = timing.begin([("InProgress", timing.upload_seconds)], outcome)

    def check_upload(self) -> None:
        """Refuse a security domain while one is confirmed, or after that; raises ServiceFault 409."""
        if self.active:
            raise conflict("The Managed HSM is activated: it takes no other security domain.")
        self._check_no_operation()

    def _check_no_operation(self) -> None:
        exporting = bool(self.exports) and self.exports[-1].outcome == "InProgress"
        if exporting or (self.upload is not None and not self.upload.ended):
            raise conflict("A security domain operation is already in progress.")

    def make_domain(self, certificates: list[Certificate], required: int) -> str:
        """Encrypt the security domain anew; changes nothing."""
        return make_security_domain(self.domain, certificates, required)

    def record_export(
        self, value: str, certificates: list[Certificate], required: int, rules: ExportRules, timing: Timing
    ) -> None:
        """Hand out a security domain and begin to confirm it; raises ServiceFault 409 where that is refused."""
        last = self.exports[-1] if self.exports else None
        if last is None or rules.during_activation == "refuse" or last.outcome != "InProgress":
            self._check_no_operation()
        else:
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
