"""Find the operations that were accepted and that the engine never began, or left without an end."""

import azure.durable_functions as df

from activities.context import now
from clients.azure_errors import UNREADABLE
from clients.instances import operation_interrupted
from clients.lost_starts import find_abandonment, find_running_claim, is_stopped, read_abandoned, write_abandoned
from clients.reconciliation import require_run
from clients.summaries import list_claims
from domain.drift_findings import AbandonedOperation, AbandonedOutcome
from domain.errors import ErrorDetail, ServiceError
from domain.lost_starts import MOST_OPERATIONS, Waiting, find_next, is_lost, is_overdue
from domain.outcomes import Nothing, Outcome, done
from domain.summaries import ClaimSummary


def find_abandoned(_: Nothing, client: df.SyncDurableFunctionsClient) -> Outcome:
    """Record them for the run, and say whether it begins any; what is interrupted is reported, and never begun anew."""
    run = require_run()
    # Idempotent: what the run has found already, some of it begun, stays so.
    operations = read_abandoned(run.id)
    if not operations:
        waiting: Waiting = "report_only" if run.first or is_stopped() else "over_limit"
        overdue = sorted((one for one in list_claims() if is_overdue(one, now())), key=lambda one: one.claimed_at)
        operations = [found for one in overdue if (found := _find(one, waiting, client)) is not None]
        write_abandoned(run.id, operations)
    return done(more=find_next(operations, MOST_OPERATIONS) is not None)


def _find(listed: ClaimSummary, waiting: Waiting, client: df.SyncDurableFunctionsClient) -> AbandonedOperation | None:
    try:
        claim = find_running_claim(listed.hsm, listed.operation_id)
        abandonment = find_abandonment(claim, client) if claim is not None else None
    except ServiceError as error:
        if error.detail.code != UNREADABLE:
            raise
        # One damaged record must not hide all others.
        return _describe(listed, "failed", error.detail)
    if abandonment == "interrupted":
        return _describe(listed, "failed", operation_interrupted())
    if abandonment is None:
        return None
    return _describe(listed, "report_only" if is_lost(listed.claimed_at, now()) else waiting)


def _describe(listed: ClaimSummary, outcome: AbandonedOutcome, error: ErrorDetail | None = None) -> AbandonedOperation:
    return AbandonedOperation(
        hsm=listed.hsm,
        operation_id=listed.operation_id,
        claimed_at=listed.claimed_at,
        outcome=outcome,
        error=error,
    )
