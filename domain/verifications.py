"""Whether a stored security domain could still be opened: what was read back, and what became of the wrapping keys."""

from collections.abc import Sequence
from typing import Final, Literal

from pydantic import AwareDatetime, Field

from domain.model import Model
from domain.security_domain.checks import Check

QuorumHealth = Literal["Healthy", "Warning", "Critical", "Unknown"]
CertificateState = Literal["Usable", "Disabled", "Missing", "Offline", "Unknown"]

_LOST: Final = ("Disabled", "Missing")


class ShareState(Model):
    """What is known of the wrapping key that opens one share.

    `certificate` is how its Key Vault has the pinned version now; Offline for a key that lies in no Key Vault, Unknown
    where the vault did not answer.
    """

    thumbprint: str
    custodian: str
    certificate: CertificateState


class Verification(Model):
    """The stored security domain of an HSM, held against its receipt and its plan; without `faults` all is right."""

    hsm: str
    sha256: str
    verified_at: AwareDatetime
    faults: list[str]
    checks: list[Check] = Field(default_factory=list)
    quorum_health: QuorumHealth
    shares: list[ShareState]


def judge_quorum(quorum: int, certificates: Sequence[CertificateState], *, intact: bool) -> QuorumHealth:
    """Say how far the security domain is from being lost.

    Critical: it is damaged, or at most a quorum of the keys is not known to be lost, so that one loss more loses it.
    Warning: a key is lost. Unknown: none is known to be lost, and a vault did not answer.
    """
    lost = sum(certificate in _LOST for certificate in certificates)
    if not intact or len(certificates) - lost <= quorum:
        return "Critical"
    if lost:
        return "Warning"
    return "Unknown" if "Unknown" in certificates else "Healthy"
