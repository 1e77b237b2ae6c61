"""How an operation stands by its record and its instance; and one whose instance left it without an end."""

import azure.durable_functions as df
from durabletask.client import OrchestrationState

from clients import archive
from clients.instances import ENDED, find_instance, operation_interrupted, read_progress
from domain.operations import Operation, accepted_operation
from domain.records import Claim
from domain.steps import expand


def find_operation_of(claim: Claim, client: df.SyncDurableFunctionsClient) -> Operation:
    """Describe the operation of a claim: its record if it has one, else how far its instance is."""
    # An operation is recorded before its instance ends; so the instance, asked first, never ends without its record.
    state = find_instance(claim, client)
    return archive.find_operation(claim.operation_id) or _describe(claim, state)


def interrupted_operation(claim: Claim, client: df.SyncDurableFunctionsClient) -> Operation:
    """Describe an operation that gives way to another before it could be recorded."""
    operation = find_operation_of(claim, client)
    if operation.ended:
        return operation
    return operation.model_copy(update={"status": "Failed", "error": operation_interrupted()})


def _describe(claim: Claim, state: OrchestrationState | None) -> Operation:
    operation = accepted_operation(claim)
    if state is None:
        # What has a plan began: its instance was purged, or lost with its task hub.
        begun = archive.find_plan(claim.hsm, claim.operation_id) is not None
        failed = {"status": "Failed", "error": operation_interrupted()}
        return operation.model_copy(update=failed) if begun else operation
    progress = expand(claim.kind, read_progress(state))
    if state.runtime_status in ENDED:
        error = operation_interrupted().model_dump(by_alias=True, exclude_none=True)
        progress = {**progress, "status": "Failed", "error": error}
    elif progress:
        # The record makes the end: until it is written, the operation is at its last step.
        progress = {**progress, "status": "Running"}
        progress.pop("finishedAt", None)
    return Operation.model_validate({**operation.model_dump(by_alias=True, exclude_none=True), **progress})
