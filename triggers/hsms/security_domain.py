"""Security domains, as the API has them: where they are and whether they could be opened, never a byte of one."""

import re
from typing import Final, Literal, NamedTuple

from clients import archive, restores
from clients.archive import ARCHIVE
from clients.blobs import list_blobs
from clients.interruptions import find_operation_of
from clients.verification import check_stored, make_verification
from domain.model import Model
from domain.operations import Operation
from domain.records import Claim, Plan, Receipt
from domain.verifications import Verification
from triggers.door.calls import Answer, Call
from triggers.hsms.resource import hsm_name
from triggers.hsms.views import hsm_not_found

_STORED: Final = re.compile(r".*/([a-z0-9-]+-[0-9A-Z]{26})/[0-9]+/security-domain\.json")


class ShareView(Model):
    """One share: whose key opens it."""

    custodian: str
    """Who holds the private key: text for people."""
    thumbprint: str
    """The SHA-256 thumbprint of the wrapping certificate."""
    certificate_id: str | None = None
    """The address of the certificate in its Key Vault, with its version. Absent for one that came in PEM."""


class DownloadView(Model):
    """One attempt to download the security domain: only a confirmed one counts."""

    operation_id: str
    """The operation that made the attempt."""
    attempt: int
    """Which of the operation's attempts it was, counted from 1."""
    outcome: Literal["Confirmed", "ExportFailed", "Ambiguous", "Superseded", "Unconfirmed"]
    """How it ended."""
    sha256: str | None = None
    """The SHA-256 of the stored bytes, in hex. Absent where none were stored."""
    export: int | None = None
    """The number of the export that it asked for. Absent where it asked for none."""


class SecurityDomainView(Model):
    """What is known of an HSM's security domain."""

    hsm: str
    """The name of the HSM."""
    quorum: int
    """How many of the shares together open it."""
    shares: list[ShareView]
    """Its shares, one for each wrapping key."""
    receipt: Receipt
    """Where it is stored."""
    downloads: list[DownloadView]
    """All attempts to download it, the oldest first."""
    verification: Verification | None = None
    """How it was found when it was last verified. Absent where it never was."""


class KeptDomain(NamedTuple):
    """The confirmed security domain of an HSM: its receipt, the plan it was made by, and the last claim on the HSM."""

    receipt: Receipt
    plan: Plan
    claim: Claim


def get_security_domain(call: Call) -> Answer:
    """Describe an HSM's security domain."""
    name = hsm_name(call)
    kept = find_kept_domain(call, name)
    shares = [
        ShareView(custodian=key.custodian, thumbprint=key.thumbprint, certificate_id=key.certificate_id)
        for key in kept.plan.wrapping_keys
    ]
    verification = archive.find_verification(name)
    view = SecurityDomainView(
        hsm=name,
        quorum=kept.receipt.quorum,
        shares=shares,
        receipt=kept.receipt,
        downloads=_list_downloads(call, kept.claim),
        verification=verification if verification and verification.sha256 == kept.receipt.sha256 else None,
    )
    return Answer(200, view)


def verify_security_domain(call: Call) -> Answer:
    """Verify what is stored now, and record how it was found."""
    name = hsm_name(call)
    kept = find_kept_domain(call, name)
    verification = make_verification(name, kept.receipt, kept.plan, check_stored(kept.receipt, kept.plan))
    archive.write_verification(verification)
    return Answer(200, verification)


def find_kept_domain(call: Call, name: str) -> KeptDomain:
    """Find an HSM's confirmed security domain; raises ServiceError `hsm_not_found`, `security_domain_not_found`."""
    held = archive.find_claim(name)
    if held is None or not call.sees(held.claim.team):
        raise hsm_not_found()
    record = archive.find_hsm_record(name)
    if record is None or record.team != held.claim.team:
        raise restores.security_domain_not_found()
    kept = restores.find_kept_domain(record)
    return KeptDomain(kept.receipt, kept.plan, held.claim)


def _list_downloads(call: Call, claim: Claim) -> list[DownloadView]:
    """List every attempt whose bytes were stored, and those of the last operation, the oldest first."""
    paths = list_blobs(ARCHIVE, f"{claim.hsm}/")
    stored = {matched[1] for path in paths if (matched := _STORED.fullmatch(path))}
    others = [archive.find_operation(operation_id) for operation_id in sorted(stored - {claim.operation_id})]
    operations: list[Operation | None] = [*others, find_operation_of(claim, call.client)]
    return [
        DownloadView(operation_id=operation.id, **dict(download))
        for operation in operations
        if operation is not None and operation.team == claim.team
        for download in operation.downloads
    ]
