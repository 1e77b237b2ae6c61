"""Whether a stored security domain could still be opened: what was read back, and what became of the wrapping keys."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from pydantic import AwareDatetime, Field

from domain.caller import Principal
from domain.model import Model
from domain.records import Notice
from domain.security_domain.checks import Check
from domain.share_checks import Sha256

QuorumHealth = Literal["Healthy", "Warning", "Critical", "Unknown"]
CertificateState = Literal["Usable", "Disabled", "Missing", "Offline", "Unknown"]
KeyState = Literal["Usable", "Disabled", "Missing", "Unknown"]

_LOST: Final = ("Disabled", "Missing")
_UNKNOWN: Final = ("Offline", "Unknown")


class LastCheck(Model):
    """The last time that the holder of a key proved that they could open their share."""

    id: str
    """The id of the share check."""
    at: AwareDatetime
    """When the answer came."""
    by: Principal
    """Who sent the answer: the custodian, or whoever passed it on."""
    security_domain_sha256: Sha256
    """The SHA-256 of the bytes that the share is of, in hex. A check of other bytes does not count."""


class ShareState(Model):
    """What is known of the wrapping key that opens one share."""

    thumbprint: str
    """The SHA-256 thumbprint of the wrapping certificate."""
    custodian: str
    """Who holds the private key: text for people."""
    certificate: CertificateState
    """How its Key Vault has the pinned version; `Unknown` where none answered.

    For a key in no vault: `Usable` after a share check that counts, else `Offline`.
    """
    key: KeyState | None = None
    """How its Key Vault has the key of that version, which opens the share. Absent for a key in no vault."""
    purge_protection: bool | None = None
    """Whether its Key Vault keeps what is deleted from being destroyed at once. Absent where that is not known."""
    certificate_expired: bool | None = None
    """Whether the certificate has expired, which stops no restore. Absent where nobody looked."""
    last_check: LastCheck | None = None
    """The last share check that was answered. Absent where none ever was."""

    @property
    def lost(self) -> bool:
        """Whether the share cannot be opened as things are."""
        return self.certificate in _LOST or self.key in _LOST

    @property
    def known(self) -> bool:
        """Whether anybody can say how the key is."""
        return self.certificate not in _UNKNOWN and self.key not in _UNKNOWN


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
    """Every check of what is stored; empty in a verification by an earlier version."""
    quorum_health: QuorumHealth
    """How far the security domain is from being lost.

    `Critical`: it is damaged, or one key more that is lost may lose it. `Warning`: a key is lost, or its vault has no
    purge protection. `Unknown`: none is known to be lost, and of one nobody can say how it is.
    """
    shares: list[ShareState]
    """What is known of each wrapping key, one for each share."""
    notices: list[Notice] = Field(default_factory=list)
    """What people should look at, in words for them."""


def judge_quorum(quorum: int, shares: Sequence[ShareState], *, intact: bool) -> QuorumHealth:
    """Say how far the security domain is from being lost.

    Critical: it is damaged, or at most a quorum of the keys is not known to be lost, so that one loss more loses it.
    Warning: a key is lost, or could be destroyed at once. Unknown: none is, and of one nobody can say how it is.
    """
    lost = sum(share.lost for share in shares)
    if not intact or len(shares) - lost <= quorum:
        return "Critical"
    if lost or any(share.purge_protection is False for share in shares):
        return "Warning"
    return "Healthy" if all(share.known for share in shares) else "Unknown"


def judge_offline(check: LastCheck | None, sha256: str, now: datetime, valid_days: float) -> CertificateState:
    """Say how a key is that lies in no vault: nobody but its custodian can, and only a check of these bytes counts."""
    counts = (
        check is not None and check.security_domain_sha256 == sha256 and now - check.at <= timedelta(days=valid_days)
    )
    return "Usable" if counts else "Offline"


def find_notices(shares: Sequence[ShareState]) -> list[Notice]:
    """Say in words what people should look at besides lost keys."""
    found = {
        "vault_without_purge_protection": [share for share in shares if share.purge_protection is False],
        "share_not_checked": [share for share in shares if share.certificate == "Offline"],
        "certificate_expired": [share for share in shares if share.certificate_expired],
    }
    return [
        Notice(code=code, message=_WORDS[code].format(", ".join(share.custodian for share in concerned)))
        for code, concerned in found.items()
        if concerned
    ]


_WORDS: Final = {
    "vault_without_purge_protection": "No purge protection in the Key Vault of {}: whoever deletes a key there can "
    "destroy it for good at once.",
    "share_not_checked": "Nobody but the custodian can look at the key of {}: ask for a share check.",
    "certificate_expired": "The certificate of {} has expired. That stops no restore; new security domains need "
    "another one.",
}
