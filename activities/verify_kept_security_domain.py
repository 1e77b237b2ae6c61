"""Verify the stored security domain of one HSM, in a run over all of them."""

import logging

from activities.without_security_domain import judge_without
from clients import archive
from clients.announcements import announce_finding
from clients.verification import check_stored, make_verification
from clients.verification_runs import write_finding
from clients.wrapping_key_states import shared_states
from domain.errors import ServiceError, service_error
from domain.model import Model
from domain.outcomes import Outcome, done, failed
from domain.records import Receipt
from domain.verification_runs import Finding
from domain.verifications import Verification

_log = logging.getLogger("hsm_provisioner.verification")


class AskedVerification(Model):
    """Whose security domain, as `list_hsm_page` names it."""

    hsm: str


def verify_kept_security_domain(asked: AskedVerification) -> Outcome:
    """Hold what is stored against its receipt and plan, look at the keys, and record how it was found.

    What the look found is written down, whatever it is: it is all that the run's record is made of. Who reads the log
    is told of each that is not well.
    """
    try:
        finding = _look(asked.hsm)
    except ServiceError as error:
        _log.warning("the security domain of %s could not be verified: %s", asked.hsm, error)
        write_finding(asked.hsm, "Failed")
        return failed(error.detail)
    if finding is not None:
        write_finding(asked.hsm, finding)
    return done()


def _look(hsm: str) -> Finding | None:
    name, _, earlier = hsm.partition("/")
    record = archive.find_hsm_record_of(name, earlier or None)
    if record is None:
        return None
    if record.security_domain is None:
        return "Gone" if earlier else judge_without(record)
    verification = _verify(name, record.security_domain, earlier)
    announce_finding(record, verification, told_as=hsm)
    if verification.quorum_health != "Healthy":
        _log.warning("the security domain of %s is not well: %s", hsm, _describe(verification))
    return verification.quorum_health


def _verify(name: str, receipt: Receipt, earlier: str) -> Verification:
    plan = archive.find_plan(receipt.origin, receipt.operation_id)
    if plan is None:
        raise service_error("not_planned", "The plan of its operation is gone.", advice="Restore plan.json.")
    checks = check_stored(receipt, plan)
    verification = make_verification(name, receipt, plan, checks, shared_states())
    archive.write_verification(verification, earlier=earlier or None)
    return verification


def _describe(verification: Verification) -> str:
    """Say why in words of ours: custodians' names are texts of callers."""
    shares = verification.shares
    lost, unknown = sum(share.lost for share in shares), sum(not share.known for share in shares)
    told = [f"{len(verification.faults)} faults", f"{lost} of {len(shares)} keys lost", f"{unknown} unknown"]
    return ", ".join([verification.quorum_health, *told, *(notice.code for notice in verification.notices)])
