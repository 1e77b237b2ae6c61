"""Download the security domain and store it, in one go: the bytes are in nobody else's hands in between.

An answer that never reached the store (the worker was killed) is accounted for: before each time that the HSM is asked,
that is written down in the journal of its exports, and what became of it after.
"""

from activities.confirmed import find_confirmed
from activities.context import EXPORTING, approved_plan_of, commit, export_entry, now
from clients import archive, managed_hsm
from clients.archive import StoredDomain
from clients.export_journal import begin_export, note_export
from domain.errors import RefusedByAzure, ServiceError, service_error
from domain.outcomes import Outcome, Work, done, wait
from domain.records import Plan, Receipt, sha256_of
from domain.settings import settings
from domain.wrapping_keys import WrappingCertificate, read_pem


def download_security_domain(work: Work) -> Outcome:
    """Store the security domain under this attempt's number and give a receipt for it.

    Waits where the HSM refuses because an activation runs: it can be downloaded once that has ended. From here until it
    is verified a security domain must not be left alone: no cancel is accepted any more.
    """
    plan = approved_plan_of(work, EXPORTING)
    commit(work, EXPORTING)
    confirmed = find_confirmed(plan)
    if confirmed is not None:
        return done(receipt=confirmed.model_dump(mode="json", by_alias=True), confirmed=True)
    # Idempotent: what is stored under this number is what this number downloaded, whoever stored it.
    stored = archive.find_security_domain(plan, work.attempt)
    if stored is None:
        stored = _download(plan, work)
    if stored is None:
        return wait(settings().poll_seconds)
    receipt = archive.find_receipt(plan, work.attempt) or archive.create_receipt(
        plan, _receipt(plan, work.attempt, stored)
    )
    note_export(plan.hsm, receipt.export, "answered", export_entry(work))
    return done(receipt=receipt.model_dump(mode="json", by_alias=True), confirmed=False)


def _download(plan: Plan, work: Work) -> StoredDomain | None:
    certificates = [
        certificate.der
        for key in plan.wrapping_keys
        if isinstance(certificate := read_pem(key.pem), WrappingCertificate)
    ]
    if len(certificates) != len(plan.wrapping_keys):
        raise service_error(
            "plan_damaged", "The plan holds an unreadable certificate.", advice="Send the request again."
        )
    if settings().stop_destruction_and_export:
        raise _export_stopped()
    export = begin_export(plan.hsm, export_entry(work))
    try:
        content = managed_hsm.download_security_domain(
            plan.hsm, certificates, plan.whole_request.security_domain.quorum
        )
    except RefusedByAzure as refusal:
        note_export(plan.hsm, export.number, "refused", export_entry(work))
        if refusal.detail.code == "azure_conflict":
            return None
        raise
    return archive.create_security_domain(plan, work.attempt, content, export)


def _export_stopped() -> ServiceError:
    return service_error(
        "destruction_and_export_stopped",
        "The operators have stopped destruction and export, so the security domain was not asked for.",
        advice="The HSM exists and is billed. Send the request again when the operators have lifted this.",
    )


def _receipt(plan: Plan, attempt: int, stored: StoredDomain) -> Receipt:
    return Receipt(
        operation_id=plan.operation_id,
        attempt=attempt,
        blob_url=stored.url,
        etag=stored.etag,
        sha256=sha256_of(stored.content),
        size=len(stored.content),
        quorum=plan.whole_request.security_domain.quorum,
        thumbprints=plan.thumbprints,
        export=stored.export.number,
        alone=stored.export.alone,
        stored_at=now(),
    )
