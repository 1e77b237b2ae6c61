"""Make sure that the HSM is active, and record whose security domain it has.

That it is that one, only what was encrypted by the other HSM could prove, with a role that this service does not have.
"""

from activities.context import approved_plan_of
from activities.restoring import find_restoring_hsm, require_ours
from clients import archive, restores
from clients.verification import check_stored, make_verification
from domain.errors import service_error
from domain.outcomes import Outcome, Work, done
from domain.security_domain.checks import find_faults


def verify_restored(work: Work) -> Outcome:
    """Hold the stored bytes against their receipt and plan once more, and record them as the HSM's security domain."""
    plan = approved_plan_of(work, "restore")
    restoring = find_restoring_hsm(plan)
    require_ours(restoring)
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
    update = {"security_domain": receipt, "request": plan.request}
    archive.write_hsm_record(restoring.record.model_copy(update=update))
    archive.write_verification(make_verification(plan.hsm, receipt, made_by, checks))
    if restoring.record.restored_from is not None:
        # An operation before this one may have died before it did.
        restores.delete_restore_blob(restoring.record.restored_from.operation_id)
    return done(securityDomain=receipt.model_dump(mode="json", by_alias=True))
