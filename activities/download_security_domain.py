"""Download the security domain and store it, in one go: the bytes are in nobody else's hands in between.

An answer that never reached the store (the worker was killed) is superseded by the next one, and accounted for: before
each time that the HSM is asked, that is written down.
"""

from activities.context import now, plan_of
from clients import archive, managed_hsm, resource_manager
from clients.archive import StoredDomain
from domain.errors import service_error
from domain.outcomes import Outcome, Work, done, wait
from domain.records import Plan, Receipt, sha256_of, utc_text
from domain.settings import settings
from domain.wrapping_keys import WrappingCertificate, read_pem


def download_security_domain(work: Work) -> Outcome:
    """Store the security domain under this attempt's number and give a receipt for it.

    Waits where the HSM refuses because an activation runs: it can be downloaded once that has ended.
    """
    plan = plan_of(work)
    confirmed = _find_confirmed(plan)
    if confirmed is not None:
        return done(receipt=confirmed.model_dump(mode="json", by_alias=True), confirmed=True)
    # Idempotent: what is stored under this number is what this number downloaded, whoever stored it.
    stored = archive.find_security_domain(plan, work.attempt)
    if stored is None:
        stored = _download(plan, work.attempt)
    if stored is None:
        return wait(settings().poll_seconds)
    receipt = archive.find_receipt(plan, work.attempt) or archive.create_receipt(
        plan, _receipt(plan, work.attempt, stored)
    )
    return done(receipt=receipt.model_dump(mode="json", by_alias=True), confirmed=False)


def _find_confirmed(plan: Plan) -> Receipt | None:
    """Find a security domain that an operation before this one had confirmed, for the same keys and quorum."""
    record = archive.find_hsm_record(plan.hsm)
    receipt = record.security_domain if record else None
    hsm = resource_manager.find_hsm(plan.request.subscription_id, plan.request.resource_group, plan.hsm)
    if hsm is None or not hsm.active:
        return None
    same = receipt is not None and (receipt.thumbprints, receipt.quorum) == (
        plan.thumbprints,
        plan.request.security_domain.quorum,
    )
    return receipt if same else None


def _download(plan: Plan, attempt: int) -> StoredDomain | None:
    certificates = [
        certificate.der
        for key in plan.wrapping_keys
        if isinstance(certificate := read_pem(key.pem), WrappingCertificate)
    ]
    if len(certificates) != len(plan.wrapping_keys):
        raise service_error(
            "plan_damaged", "The plan holds an unreadable certificate.", advice="Send the request again."
        )
    archive.record_export_request(plan, attempt, f'{{"requestedAt":"{utc_text(now())}"}}')
    content = managed_hsm.download_security_domain(plan.hsm, certificates, plan.request.security_domain.quorum)
    return archive.create_security_domain(plan, attempt, content) if content is not None else None


def _receipt(plan: Plan, attempt: int, stored: StoredDomain) -> Receipt:
    return Receipt(
        operation_id=plan.operation_id,
        attempt=attempt,
        blob_url=stored.url,
        etag=stored.etag,
        sha256=sha256_of(stored.content),
        size=len(stored.content),
        quorum=plan.request.security_domain.quorum,
        thumbprints=plan.thumbprints,
        exports_requested=archive.count_export_requests(plan, attempt),
        stored_at=now(),
    )
