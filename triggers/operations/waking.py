"""Wakes those who wait for what people do."""

import logging

import azure.durable_functions as df

from domain.names import (
    DECIDED,
    RESTORE_BLOB_THERE,
    approval_instance_id,
    restore_blob_instance_id,
)
from domain.operations import Operation

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
