"""Verifies a stored security domain as far as that is possible without any private key."""

from datetime import UTC, datetime

from clients import archive
from clients.wrapping_certificates import read_wrapping_certificate
from domain.errors import ServiceError
from domain.records import PinnedKey, Plan, Receipt
from domain.security_domain.checks import Check, Pinned, PinnedCertificate, check_security_domain, find_faults
from domain.verifications import CertificateState, ShareState, Verification, judge_quorum
from domain.wrapping_keys import WrappingCertificate, read_der, read_pem


def check_stored(hsm: str, receipt: Receipt, plan: Plan) -> list[Check]:
    """Read the stored bytes back and hold them against receipt and plan; the texts hold nothing of them."""
    stored = archive.find_security_domain_of(receipt, hsm)
    keys = [read_pem(key.pem) for key in plan.wrapping_keys]
    certificates = [
        PinnedCertificate(key.thumbprint, key.der, key.modulus_bytes)
        for key in keys
        if isinstance(key, WrappingCertificate)
    ]
    pinned = Pinned(receipt.sha256, plan.whole_request.security_domain.quorum, certificates)
    return check_security_domain(stored.content if stored else None, pinned)


def make_verification(hsm: str, receipt: Receipt, plan: Plan, checks: list[Check]) -> Verification:
    """Look what became of the wrapping keys, and say how far the security domain is from being lost."""
    faults = find_faults(checks)
    shares = _find_shares(plan.wrapping_keys)
    certificates = [share.certificate for share in shares]
    return Verification(
        hsm=hsm,
        sha256=receipt.sha256,
        verified_at=datetime.now(UTC).replace(microsecond=0),
        faults=faults,
        checks=checks,
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
