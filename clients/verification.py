"""Verifies a stored security domain as far as that is possible without any private key."""

from datetime import UTC, datetime

from clients import archive
from clients.share_checks import find_last_checks
from clients.wrapping_key_states import KeyInVault, KeyStates
from domain.records import PinnedKey, Plan, Receipt
from domain.security_domain.checks import Check, Pinned, PinnedCertificate, check_security_domain, find_faults
from domain.settings import settings
from domain.verifications import LastCheck, ShareState, Verification, find_notices, judge_offline, judge_quorum
from domain.wrapping_keys import WrappingCertificate, is_expired, read_pem


def check_stored(receipt: Receipt, plan: Plan) -> list[Check]:
    """Read the stored bytes back and hold them against receipt and plan; the texts hold nothing of them."""
    stored = archive.find_security_domain_of(receipt)
    keys = [read_pem(key.pem) for key in plan.wrapping_keys]
    certificates = [
        PinnedCertificate(key.thumbprint, key.der, key.modulus_bytes)
        for key in keys
        if isinstance(key, WrappingCertificate)
    ]
    pinned = Pinned(receipt.sha256, plan.whole_request.security_domain.quorum, certificates)
    return check_security_domain(stored.content if stored else None, pinned)


def make_verification(
    hsm: str, receipt: Receipt, plan: Plan, checks: list[Check], states: KeyStates | None = None
) -> Verification:
    """Look what became of the wrapping keys, and say how far the security domain is from being lost.

    Whoever verifies many gives the `states` that they share.
    """
    faults = find_faults(checks)
    now = datetime.now(UTC).replace(microsecond=0)
    states = states or KeyStates()
    last = find_last_checks(hsm, plan.team)
    shares = [
        _describe_share(key, states.find(index, key), last.get(key.thumbprint), receipt.sha256, now)
        for index, key in enumerate(plan.wrapping_keys)
    ]
    return Verification(
        hsm=hsm,
        sha256=receipt.sha256,
        verified_at=now,
        faults=faults,
        checks=checks,
        quorum_health=judge_quorum(receipt.quorum, shares, intact=not faults),
        shares=shares,
        notices=find_notices(shares),
    )


def _describe_share(
    key: PinnedKey, found: KeyInVault | None, check: LastCheck | None, sha256: str, now: datetime
) -> ShareState:
    certificate = read_pem(key.pem)
    return ShareState(
        thumbprint=key.thumbprint,
        custodian=key.custodian,
        certificate=found.certificate
        if found
        else judge_offline(check, sha256, now, settings().share_check_valid_days),
        key=found.key if found else None,
        purge_protection=found.purge_protection if found else None,
        certificate_expired=is_expired(certificate, now) if isinstance(certificate, WrappingCertificate) else None,
        last_check=check,
    )
