"""Claim an HSM for the update that puts it right, if it is still not as it should be."""

from activities.check_hsm import check_now
from activities.context import now
from clients import archive
from clients.claims import Due, claim_what_is_due
from clients.reconciliation import find_checked, is_healing, require_run, write_checked
from domain.changes import InPlaceChange
from domain.drift import Facts, find_healing
from domain.drift_findings import Drift
from domain.errors import ServiceError
from domain.outcomes import AskedHsm, Outcome, done
from domain.reconciliation import CheckedHsm, ReconciliationRun, mark, note_heals


def claim_heal(asked: AskedHsm) -> Outcome:
    """Look once more, then claim: only what the run chose, and what differs in the same way at this moment.

    Gives `operationId`, nothing where there is nothing to heal any more. The operation has checks of its own, and its
    approval.
    """
    run, checked = require_run(), find_checked(asked.hsm)
    if checked is None or checked.run != run.id or not checked.chosen:
        return done()
    if checked.operation_id is not None:
        return done(operationId=checked.operation_id)
    try:
        healed = _find_begun(checked, run) or _claim(checked, run)
    except ServiceError:
        write_checked(mark(checked, "failed"))
        raise
    write_checked(healed)
    return done(operationId=healed.operation_id) if healed.operation_id is not None else done()


def _find_begun(checked: CheckedHsm, run: ReconciliationRun) -> CheckedHsm | None:
    """Find what an execution before this one claimed: it died before it could say so."""
    held = archive.find_claim(checked.hsm)
    if held is None or not is_healing(held.claim) or held.claim.claimed_at < run.started_at:
        return None
    return _begun(checked, held.claim.operation_id)


def _claim(checked: CheckedHsm, run: ReconciliationRun) -> CheckedHsm:
    seen = check_now(checked.hsm, run, checked)
    if seen is None:
        return checked.model_copy(update={"findings": []})
    again = seen.checked.model_copy(update={"chosen": checked.chosen})
    pending = [finding.code for finding in again.findings if finding.healing == "over_limit"]
    change = _find_change(seen.facts, [code for code in pending if code in checked.chosen])
    if change is None:
        return again
    record = seen.facts.record
    due = Due(checked.hsm, "update", "schedule", record.team, record.request, change=change)
    claim = claim_what_is_due(due, seen.held)
    return _begun(again, claim.operation_id) if claim is not None else mark(again, "operation_running")


def _find_change(facts: Facts, codes: list[Drift]) -> InPlaceChange | None:
    if facts.live is None or not codes:
        return None
    change = find_healing(codes, facts.record.request, facts.live)
    return None if change.empty else change


def _begun(checked: CheckedHsm, operation_id: str) -> CheckedHsm:
    return note_heals(mark(checked, "started", operation_id), now())
