"""Start the next operation that was accepted and never began."""

import azure.durable_functions as df

from activities.context import now
from clients.instances import ensure_started, operation_interrupted
from clients.lost_starts import find_abandonment, find_running_claim, is_stopped, read_abandoned, write_abandoned
from clients.reconciliation import require_run
from domain.drift_findings import AbandonedOperation
from domain.errors import ServiceError
from domain.lost_starts import MOST_OPERATIONS, find_next, is_lost
from domain.outcomes import Nothing, Outcome, done


def start_next_abandoned(_: Nothing, client: df.SyncDurableFunctionsClient) -> Outcome:
    """Start one that the run found, if its limit leaves room; say whether it did, and whether there are more."""
    run = require_run()
    operations = read_abandoned(run.id)
    item = None if run.first or is_stopped() else find_next(operations, MOST_OPERATIONS)
    if item is None:
        return done(started=False, more=False)
    tried = _start(item, client)
    place = operations.index(item)
    # One that ended meanwhile, or gave way to another, is not abandoned.
    operations[place : place + 1] = [tried] if tried is not None else []
    write_abandoned(run.id, operations)
    started = tried is not None and tried.outcome == "started"
    return done(started=started, more=find_next(operations, MOST_OPERATIONS) is not None)


def _start(item: AbandonedOperation, client: df.SyncDurableFunctionsClient) -> AbandonedOperation | None:
    try:
        claim = find_running_claim(item.hsm, item.operation_id)
        if claim is None:
            return None
        abandonment = find_abandonment(claim, client)
        if abandonment == "interrupted":
            return item.model_copy(update={"outcome": "failed", "error": operation_interrupted()})
        if abandonment == "never_began" and is_lost(claim.claimed_at, now()):
            return item.model_copy(update={"outcome": "report_only"})
        # Idempotent: whoever started it may have died before that was recorded.
        if abandonment == "never_began":
            ensure_started(claim, client)
    except ServiceError as error:
        return item.model_copy(update={"outcome": "failed", "error": error.detail})
    return item.model_copy(update={"outcome": "started"})
