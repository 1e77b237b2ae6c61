"""Make sure that the HSM is active, and record whose security domain it has.

That it is that one, only what was encrypted by the other HSM could prove, with a role that this service does not have.
"""

from activities.context import approved_plan_of
from activities.restoring import find_restoring_hsm
from activities.uploads import list_ours, upload_unconfirmed
from clients import archive, restores
from clients.verification import check_stored, make_verification
from domain.errors import service_error
from domain.outcomes import Outcome, Work, done
from domain.records import RestoredFrom
from domain.security_domain.checks import find_faults
from domain.uploads import find_taken_in


def verify_restored(work: Work) -> Outcome:
    """Hold the stored bytes against their receipt and plan once more, and record them as the HSM's security domain.

    Then delete what custodians stored for it, which nobody needs any more.
    """
    plan = approved_plan_of(work, "restore")
    restoring = find_restoring_hsm(plan)
    uploads = list_ours(plan, restoring)
    taken_in = find_taken_in(uploads, plan.confirmed_uploads)
    if taken_in is None or not taken_in.entry.is_of(restoring.source):
        raise upload_unconfirmed()
    if not restoring.hsm.active:
        raise service_error(
            "restore_failed",
            "The HSM is not active any more.",
            advice="See in Azure what became of it, then send the request again.",
            retryable=True,
        )
    receipt = restoring.source.receipt
    made_by = archive.find_plan(receipt.origin, receipt.operation_id)
    checks = check_stored(receipt, made_by) if made_by else []
    faults = find_faults(checks)
    if made_by is None or faults:
        raise service_error(
            "security_domain_invalid",
            f"The HSM is active, but the stored security domain is not what it must be: {' '.join(faults)}",
            advice="Keep what is stored. Send a PUT of the HSM with wrapping keys: once that is approved, its security "
            "domain is exported to them.",
        )
    # Idempotent: the record becomes what it already is, and the verification newer.
    restored = RestoredFrom(hsm=taken_in.entry.source, operation_id=taken_in.entry.operation_id, sha256=receipt.sha256)
    update = {"security_domain": receipt, "request": plan.request, "restored_from": restored}
    archive.write_hsm_record(restoring.record.model_copy(update=update))
    archive.write_verification(make_verification(plan.hsm, receipt, made_by, checks))
    # An operation before this one may have ended before it could.
    for operation_id in {plan.operation_id, *(upload.entry.operation_id for upload in uploads)}:
        restores.delete_restore_blob(operation_id)
    return done(securityDomain=receipt.model_dump(mode="json", by_alias=True))
