"""Make sure, right before they are used, that the pinned wrapping keys are still what was pinned."""

from activities.confirmed import find_confirmed
from activities.context import EXPORTING, now, plan_of
from activities.pinning import check_again
from clients.wrapping_certificates import read_wrapping_certificate
from domain.errors import refused_fields
from domain.outcomes import Outcome, Work, done
from domain.records import PinnedKey
from domain.wrapping_keys import WrappingCertificate, WrappingKeyFault, check_wrapping_keys, read_der, read_pem


def fetch_wrapping_keys(work: Work) -> Outcome:
    """Fetch every pinned version again and hold it against the plan; changes nothing, so it can run again.

    Of an HSM whose security domain is stored as asked none is: nothing is encrypted to them again, and a certificate
    that expired or was withdrawn since must not keep its hand-over from being changed or finished.
    """
    plan = plan_of(work, EXPORTING, cancelable=True)
    if plan.kind == "rewrap":
        # The approval may have taken weeks, and this is the first step after it.
        check_again(work, plan)
    elif find_confirmed(plan) is not None:
        return done(thumbprints=plan.thumbprints)
    errors = check_wrapping_keys([_fetch(index, key) for index, key in enumerate(plan.wrapping_keys)], now())
    if errors:
        raise refused_fields(errors)
    return done(thumbprints=plan.thumbprints)


def _fetch(index: int, key: PinnedKey) -> WrappingCertificate | WrappingKeyFault:
    if key.certificate_id is None:
        return read_pem(key.pem)
    found = read_wrapping_certificate(index, key.certificate_id)
    if found is None or not found.enabled:
        return WrappingKeyFault("wrapping_key_withdrawn", "The pinned certificate was deleted or disabled since.")
    certificate = read_der(found.der)
    if isinstance(certificate, WrappingCertificate) and certificate.thumbprint != key.thumbprint:
        return WrappingKeyFault("wrapping_key_changed", "Key Vault gives another certificate than the pinned one.")
    return certificate
