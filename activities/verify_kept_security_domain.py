"""Verify the stored security domain of one HSM, in a run over all of them."""

import logging

from clients import archive
from clients.announcements import announce_finding
from clients.verification import check_stored, make_verification
from clients.wrapping_key_states import states_of_run
from domain.errors import ServiceError, service_error
from domain.model import Model
from domain.outcomes import Outcome, done, failed
from domain.verifications import Verification

_log = logging.getLogger("hsm_provisioner.verification")


class AskedVerification(Model):
    """Whose security domain, and the run that it is looked at in."""

    hsm: str
    run: str


def verify_kept_security_domain(asked: AskedVerification) -> Outcome:
    """Hold what is stored against its receipt and plan, look at the keys, and record how it was found.

    Gives `health`, nothing where none is stored. Who reads the log is told of each that is not well.
    """
    try:
        verification = _verify(asked)
    except ServiceError as error:
        _log.warning("the security domain of %s could not be verified: %s", asked.hsm, error)
        return failed(error.detail)
    if verification is None:
        return done()
    if verification.quorum_health != "Healthy":
        _log.warning("the security domain of %s is not well: %s", asked.hsm, _describe(verification))
    return done(health=verification.quorum_health)


def _verify(asked: AskedVerification) -> Verification | None:
    record = archive.find_hsm_record(asked.hsm)
    receipt = record.security_domain if record else None
    if record is None or receipt is None:
        return None
    plan = archive.find_plan(receipt.origin, receipt.operation_id)
    if plan is None:
        raise service_error("not_planned", "The plan of its operation is gone.", advice="Restore plan.json.")
    checks = check_stored(receipt, plan)
    verification = make_verification(asked.hsm, receipt, plan, checks, states_of_run(asked.run))
    archive.write_verification(verification)
    announce_finding(record, verification, asked.run)
    return verification


def _describe(verification: Verification) -> str:
    """Say why in words of ours: custodians' names are texts of callers."""
    shares = verification.shares
    lost, unknown = sum(share.lost for share in shares), sum(not share.known for share in shares)
    told = [f"{len(verification.faults)} faults", f"{lost} of {len(shares)} keys lost", f"{unknown} unknown"]
    return ", ".join([verification.quorum_health, *told, *(notice.code for notice in verification.notices)])
