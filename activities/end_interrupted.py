"""End the operations that were left without an end, or never began, and that nobody asked for again."""

import logging

import azure.durable_functions as df

from activities.auditing import record_end
from activities.context import now
from clients import archive, outbox
from clients.announcements import keep_interruption
from clients.existing import describe_existing
from clients.handover_record import keep_handover
from clients.interruptions import interrupted_operation
from clients.lost_starts import find_abandonment, read_abandoned
from clients.reconciliation import require_run
from domain.drift_findings import AbandonedOperation
from domain.errors import ServiceError
from domain.lost_starts import MOST_OPERATIONS, is_left, name_abandonment
from domain.outcomes import Nothing, Outcome, done

_log = logging.getLogger("hsm_provisioner.reconciliation")


def end_interrupted(_: Nothing, client: df.SyncDurableFunctionsClient) -> Outcome:
    """Record and tell that they failed, and give their claims back: what costs money is cleaned up as any other."""
    run = require_run()
    left = [] if run.first else [item for item in read_abandoned(run.id) if _is_left(item)]
    return done(ended=sum(_try_to_end(item, client) for item in left[:MOST_OPERATIONS]))


def _is_left(item: AbandonedOperation) -> bool:
    abandonment = name_abandonment(item)
    return abandonment is not None and is_left(abandonment, item.claimed_at, now())


def _try_to_end(item: AbandonedOperation, client: df.SyncDurableFunctionsClient) -> bool:
    try:
        return _end(item, client)
    except ServiceError as error:
        # One that cannot be ended must not keep the others from it; the next run tries again.
        _log.warning("the interrupted operation %s could not be ended: %s", item.operation_id, error)
        return False


def _end(item: AbandonedOperation, client: df.SyncDurableFunctionsClient) -> bool:
    held = archive.find_claim(item.hsm)
    # Idempotent: one that was ended holds no claim; killed before that, the same is written again.
    if held is None or held.claim.operation_id != item.operation_id or not held.claim.running:
        return False
    claim = held.claim
    abandonment = find_abandonment(claim, client)
    if abandonment is None or not is_left(abandonment, claim.claimed_at, now()):
        return False
    operation = interrupted_operation(claim, client)
    operation = operation.model_copy(update={"finished_at": now(), "exists": describe_existing(claim, operation)})
    keep_handover(operation)
    event_id = keep_interruption(operation, claim.resource_id)
    archive.write_operation(operation)
    record_end(operation)
    ended = archive.replace_claim(claim.model_copy(update={"state": "ended", "succeeded": False}), held.etag)
    if event_id is not None:
        outbox.publish_soon(event_id)
    return bool(ended)
