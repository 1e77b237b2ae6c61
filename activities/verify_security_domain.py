"""Read the stored security domain back and check all that can be checked without a private key."""

from pydantic import BaseModel, ConfigDict

from activities.context import EXPORTING, now, plan_of, record_missing
from clients import archive
from clients.verification import check_stored, make_verification
from domain.errors import service_error
from domain.outcomes import Outcome, Work, done
from domain.records import Plan, Receipt, utc_text
from domain.security_domain.checks import find_faults


class Downloaded(BaseModel):
    """What the orchestrator hands on from the download."""

    model_config = ConfigDict(extra="ignore")

    receipt: Receipt


def verify_security_domain(work: Work) -> Outcome:
    """Hold the stored bytes against receipt and plan, and record them as the HSM's confirmed security domain."""
    plan = plan_of(work, EXPORTING)
    receipt = Downloaded.model_validate(work.progress).receipt
    checks = check_stored(receipt, plan)
    faults = find_faults(checks)
    if faults:
        raise service_error(
            "security_domain_invalid",
            f"The stored security domain is not what it must be: {' '.join(faults)}",
            advice="Keep what is stored. Send the request again: the security domain is downloaded once more.",
        )
    # Idempotent: the confirmation is written once, the record becomes what it already is, and the verification newer.
    archive.create_confirmation(receipt, f'{{"verifiedAt":"{utc_text(now())}","sha256":"{receipt.sha256}"}}')
    _record(plan, receipt)
    archive.write_verification(make_verification(plan.hsm, receipt, plan, checks))
    return done(shares=len(plan.thumbprints))


def _record(plan: Plan, receipt: Receipt) -> None:
    record = archive.find_hsm_record(plan.hsm)
    if record is None:
        raise record_missing()
    # Its keys and quorum may have changed since it was made: these are the ones that the bytes are wrapped to.
    archive.write_hsm_record(record.model_copy(update={"security_domain": receipt, "request": plan.request}))
