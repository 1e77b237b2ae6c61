"""Claim an HSM that is due for its decommission, if it still is."""

from activities.judge_hsm import judge_now
from clients import archive
from clients.claims import Due, claim_what_is_due
from clients.cleanup import find_judged, is_enforced, is_of_cleanup, require_run, write_judged
from domain.cleanup_reports import JudgedHsm
from domain.outcomes import AskedHsm, Outcome, done


def claim_due_hsm(asked: AskedHsm) -> Outcome:
    """Judge once more, then claim: only what the run chose, and what is due in the same way at this moment.

    Gives `operationId`, nothing where it is not due any more. The operation has checks of its own, and its approval.
    """
    run = require_run()
    judged = find_judged(asked.hsm)
    if judged is None or judged.run != run.id or not is_enforced():
        return done()
    if judged.operation_id is not None:
        return done(operationId=judged.operation_id)
    operation_id = (_find_begun(judged) or _claim(judged)) if judged.chosen else None
    if operation_id is None:
        return done()
    write_judged(judged.model_copy(update={"operation_id": operation_id}))
    return done(operationId=operation_id)


def _find_begun(judged: JudgedHsm) -> str | None:
    """Find what an execution before this one claimed: it died before it could say so."""
    held = archive.find_claim(judged.hsm)
    ours = held is not None and is_of_cleanup(held.claim) and held.claim.claimed_at >= judged.at
    return held.claim.operation_id if held is not None and ours else None


def _claim(judged: JudgedHsm) -> str | None:
    again = judge_now(judged.hsm, judged.run, judged)
    record = archive.find_hsm_record(judged.hsm)
    if again is None or record is None:
        return None
    if (again.action, again.purges) != (judged.action, judged.purges):
        write_judged(again)
        return None
    claim = claim_what_is_due(
        Due(judged.hsm, "decommission", "schedule", record.team, record.request, purges=judged.purges)
    )
    return claim.operation_id if claim is not None else None
