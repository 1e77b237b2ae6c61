"""What the engine knows of an operation, held against its claim."""

import logging

import azure.durable_functions as df
from durabletask.client import OrchestrationState

from clients import archive
from clients.instances import ENDED, find_instance, read_progress
from domain.errors import ErrorDetail, service_error
from domain.names import (
    DECIDED,
    RESTORE_BLOB_THERE,
    approval_instance_id,
    restore_blob_instance_id,
)
from domain.operations import Operation, accepted_operation
from domain.records import Claim

_log = logging.getLogger("hsm_provisioner.api")


def wake(operation_id: str, client: df.SyncDurableFunctionsClient) -> None:
    """Wake whoever waits for the approval of an operation; where that fails, a timer does later."""
    _raise_event(approval_instance_id(operation_id), DECIDED, client)


def wake_for_restore_blob(operation: Operation, client: df.SyncDurableFunctionsClient) -> bool:
    """Wake whoever waits for the restore blob of an operation; False where nobody does."""
    waiting = [step for step in operation.steps if step.name == "await_restore_blob" and step.status == "Running"]
    for step in waiting:
        _raise_event(restore_blob_instance_id(operation.id, step.round or 1), RESTORE_BLOB_THERE, client)
    return bool(waiting)


def _raise_event(instance: str, event: str, client: df.SyncDurableFunctionsClient) -> None:
    import grpc

    try:
        client.raise_orchestration_event(instance, event)
    except grpc.RpcError:
        _log.warning("the event %s did not reach %s", event, instance)


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
    return operation.model_copy(update={"status": "Failed", "error": _interrupted()})


def _describe(claim: Claim, state: OrchestrationState | None) -> Operation:
    operation = accepted_operation(claim)
    if state is None:
        # What has a plan began: its instance was purged, or lost with its task hub.
        begun = archive.find_plan(claim.hsm, claim.operation_id) is not None
        return operation.model_copy(update={"status": "Failed", "error": _interrupted()}) if begun else operation
    progress = read_progress(state)
    if state.runtime_status in ENDED:
        error = _interrupted().model_dump(by_alias=True, exclude_none=True)
        progress = {**progress, "status": "Failed", "error": error}
    elif progress:
        # The record makes the end: until it is written, the operation is at its last step.
        progress = {**progress, "status": "Running"}
        progress.pop("finishedAt", None)
    return Operation.model_validate({**operation.model_dump(by_alias=True, exclude_none=True), **progress})


def _interrupted() -> ErrorDetail:
    return service_error(
        "operation_interrupted",
        "The operation was ended from outside, or broke, before it could be recorded.",
        advice="What was done stays: the HSM may exist and be billed. Send the request again to go on.",
    ).detail
