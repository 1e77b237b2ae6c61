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
    """What is known of the wrapping key that opens one share."""

    thumbprint: str
    """The SHA-256 thumbprint of the wrapping certificate."""
    custodian: str
    """Who holds the private key: text for people."""
    certificate: CertificateState
    """How its Key Vault has the pinned version; `Offline` for a key in no vault, `Unknown` where none answered."""


class Verification(Model):
    """The stored security domain of an HSM, held against its receipt and its plan."""

    hsm: str
    """The name of the HSM."""
    sha256: str
    """The SHA-256 of the stored bytes by their receipt, in hex."""
    verified_at: AwareDatetime
    """When it was verified."""
    faults: list[str]
    """What is wrong with what is stored, in words for people; empty where all is right."""
    checks: list[Check] = Field(default_factory=list)
    """Each check that was made, with its verdict."""
    quorum_health: QuorumHealth
    """How far the security domain is from being lost.

    `Critical`: it is damaged, or one key more that is lost may lose it. `Warning`: a key is lost. `Unknown`: none is
    known to be lost, and a vault did not answer.
    """
    shares: list[ShareState]
    """What is known of each wrapping key, one for each share."""


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
