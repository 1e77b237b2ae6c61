"""Verifies a stored security domain as far as that is possible without any private key."""

from datetime import UTC, datetime

from clients import archive
from clients.wrapping_certificates import read_wrapping_certificate
from domain.errors import ServiceError
from domain.records import PinnedKey, Plan, Receipt, sha256_of
from domain.security_domain import find_faults
from domain.verifications import CertificateState, ShareState, Verification, judge_quorum
from domain.wrapping_keys import WrappingCertificate, read_der


def find_stored_faults(hsm: str, receipt: Receipt, plan: Plan) -> list[str]:
    """Read the stored bytes back and hold them against receipt and plan; the texts hold nothing of them."""
    stored = archive.find_security_domain_of(receipt, hsm)
    if stored is None:
        return ["it is not there"]
    faults = [] if sha256_of(stored.content) == receipt.sha256 else ["its SHA-256 is not the receipt's"]
    return faults + find_faults(stored.content, plan.thumbprints, plan.whole_request.security_domain.quorum)


def make_verification(hsm: str, receipt: Receipt, plan: Plan, faults: list[str]) -> Verification:
    """Look what became of the wrapping keys, and say how far the security domain is from being lost."""
    shares = _find_shares(plan.wrapping_keys)
    certificates = [share.certificate for share in shares]
    return Verification(
        hsm=hsm,
        sha256=receipt.sha256,
        verified_at=datetime.now(UTC).replace(microsecond=0),
        faults=faults,
        quorum_health=judge_quorum(receipt.quorum, certificates, intact=not faults),
        shares=shares,
    )


def _find_shares(keys: list[PinnedKey]) -> list[ShareState]:
    silent: set[str] = set()
    return [
        ShareState(
            thumbprint=key.thumbprint, custodian=key.custodian, certificate=_find_certificate_state(index, key, silent)
        )
        for index, key in enumerate(keys)
    ]


def _find_certificate_state(index: int, key: PinnedKey, silent: set[str]) -> CertificateState:
    """Look how the pinned version is now; a vault that was silent once is not waited for again."""
    if key.certificate_id is None:
        return "Offline"
    vault = key.certificate_id.partition("/certificates/")[0]
    if vault in silent:
        return "Unknown"
    try:
        found = read_wrapping_certificate(index, key.certificate_id)
    except ServiceError:
        silent.add(vault)
        return "Unknown"
    if found is None:
        return "Missing"
    certificate = read_der(found.der)
    if not isinstance(certificate, WrappingCertificate) or certificate.thumbprint != key.thumbprint:
        return "Missing"
    return "Usable" if found.enabled else "Disabled"
