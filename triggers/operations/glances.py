"""How operations stand, for lists: what a summary cannot say is asked of the engine, one question for each."""

import azure.durable_functions as df

from clients import archive
from clients.instances import ENDED, find_instance, read_progress
from clients.interruptions import find_operation_of
from domain.operations import Operation, OperationStatus, find_current_step, percent_done
from domain.steps import expand
from domain.summaries import ClaimSummary, OperationRecordSummary, begun_operation, summarise_operation


def status_of(claim: ClaimSummary, client: df.SyncDurableFunctionsClient) -> OperationStatus:
    """Say how the last operation of a claim stands."""
    if claim.running:
        return glance(claim, client).status
    if claim.succeeded:
        return "Succeeded"
    # One that was asked to be canceled may have failed first.
    operation = archive.find_operation(claim.operation_id) if claim.cancel_asked else None
    return operation.status if operation else "Failed"


def glance(claim: ClaimSummary, client: df.SyncDurableFunctionsClient) -> OperationRecordSummary:
    """Say how far an operation is that had no record when its claim was read."""
    state = find_instance(claim, client)
    if state is None or state.runtime_status in ENDED:
        # Never begun, broken, or ended just now: its claim and its record say which.
        operation = _find_operation(claim, client)
        return summarise_operation(operation) if operation else begun_operation(claim)
    shown = expand(claim.kind, read_progress(state))
    steps = [(str(step["name"]), str(step["status"])) for step in shown.get("steps", [])]
    if not steps:
        return begun_operation(claim)
    progress = {
        "status": "Running",
        "percent_complete": percent_done([status for _, status in steps]),
        "current_step": find_current_step(steps),
    }
    return begun_operation(claim).model_copy(update=progress)


def _find_operation(claim: ClaimSummary, client: df.SyncDurableFunctionsClient) -> Operation | None:
    held = archive.find_claim(claim.hsm)
    if held is not None and held.claim.operation_id == claim.operation_id:
        return find_operation_of(held.claim, client)
    return archive.find_operation(claim.operation_id)
