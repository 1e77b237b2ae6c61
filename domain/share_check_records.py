"""What is kept of a share check: what was asked, never the nonce, and the answer that proved it."""

from datetime import datetime
from typing import Final

from pydantic import AwareDatetime

from domain.caller import Principal
from domain.model import Model
from domain.share_checks import Sha256, Thumbprint
from domain.summaries import Summary
from domain.verifications import LastCheck

MAXIMUM_TRIES: Final = 5


class ShareCheckRequest(Model):
    """The body of `POST /api/hsms/{name}/security-domain/share-checks`: whose share is to be opened."""

    thumbprint: Thumbprint
    """The SHA-256 thumbprint of the custodian's wrapping certificate, as the security domain's `shares` say it."""


class AskedCheck(Model):
    """A challenge that was given out, bound to the bytes that were confirmed then; `proof_sha256` is of the answer."""

    id: str
    hsm: str
    team: str
    security_domain_sha256: Sha256
    thumbprint: Thumbprint
    proof_sha256: Sha256
    by: Principal
    at: AwareDatetime
    expires_at: AwareDatetime

    def expired(self, now: datetime) -> bool:
        """Whether the time to answer is over."""
        return self.expires_at <= now


class AnsweredCheck(Summary):
    """A challenge that was answered with the proof."""

    id: str
    team: str
    security_domain_sha256: Sha256
    thumbprint: Thumbprint
    by: Principal
    at: AwareDatetime

    def as_last(self) -> LastCheck:
        """Say it without what it is kept under."""
        return LastCheck(id=self.id, at=self.at, by=self.by, security_domain_sha256=self.security_domain_sha256)


class CustodianChecks(Model):
    """How one share of the security domain was checked."""

    custodian: str
    """Who holds the private key: text for people."""
    thumbprint: str
    """The SHA-256 thumbprint of the wrapping certificate."""
    counts: bool
    """Whether the last check is of what is stored now, and recent enough."""
    last_check: LastCheck | None = None
    """The last share check that was answered, of whichever bytes. Absent where none ever was."""


class ShareChecks(Model):
    """How the shares of an HSM's security domain were checked, custodian by custodian."""

    hsm: str
    """The name of the HSM."""
    security_domain_sha256: Sha256
    """The SHA-256 of the bytes that are stored, in hex."""
    custodians: list[CustodianChecks]
    """One for each share, in the order of the wrapping keys."""


class AnswerAccepted(Model):
    """That an answer proved it."""

    hsm: str
    """The name of the HSM."""
    thumbprint: str
    """The SHA-256 thumbprint of the wrapping certificate whose key opened the share."""
    check: LastCheck
    """What is recorded of it."""
