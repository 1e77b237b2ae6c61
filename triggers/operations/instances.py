"""What the engine knows of an operation, held against its claim."""

import contextlib
import json
import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import azure.durable_functions as df
from durabletask.client import OrchestrationState, OrchestrationStatus
from durabletask.internal import orchestrator_service_pb2 as pb

from clients import archive
from domain.errors import ErrorDetail, ServiceError, service_error
from domain.fields import OperationKind
from domain.names import (
    DECIDED,
    RESTORE_BLOB_THERE,
    approval_instance_id,
    instance_id,
    restore_blob_instance_id,
)
from domain.operations import Operation, accepted_operation
from domain.records import Claim
from domain.summaries import ClaimSummary
from triggers.door.auditing import record_acceptance

ORCHESTRATIONS: Final[dict[OperationKind, str]] = {
    "provision": "hsm_provisioning",
    "update": "hsm_update",
    "adopt": "hsm_adoption",
    "rewrap": "security_domain_rewrap",
    "restore": "hsm_restore",
    "decommission": "hsm_decommissioning",
}
STARTS_WITHIN: Final = timedelta(minutes=1)
START_ATTEMPTS: Final = 6
PAUSE_SECONDS: Final = 0.5
_log = logging.getLogger("hsm_provisioner.api")
ENDED: Final = frozenset({OrchestrationStatus.COMPLETED, OrchestrationStatus.FAILED, OrchestrationStatus.TERMINATED})


def find_instance(claim: Claim | ClaimSummary, client: df.SyncDurableFunctionsClient) -> OrchestrationState | None:
    """Find the instance that carries out this operation; one of an operation before it is none."""
    import grpc

    try:
        state = client.get_orchestration_state(instance_id(claim.hsm))
    except grpc.RpcError:
        raise engine_unavailable() from None
    return state if state is not None and state.get_input() == claim.operation_id else None


def engine_unavailable() -> ServiceError:
    """Make the error of an engine that does not answer."""
    return service_error(
        "engine_unavailable",
        "The engine that carries out operations does not answer.",
        advice="Nothing is lost. Send the same request again: what was accepted goes on.",
        retryable=True,
    )


def is_abandoned(claim: Claim, client: df.SyncDurableFunctionsClient) -> bool:
    """Say whether an accepted operation never began, and had the time to: whoever accepted it died at that moment."""
    had_time = datetime.now(UTC) - claim.claimed_at > STARTS_WITHIN
    return had_time and find_instance(claim, client) is None


def ensure_started(claim: Claim, client: df.SyncDurableFunctionsClient) -> None:
    """Start the operation unless its instance exists; an ended instance would block its id, so it may be reused.

    Raises ServiceError `not_started`, `audit_unavailable`; the claim stands nevertheless.
    """
    import grpc

    policy = pb.OrchestrationIdReusePolicy(
        replaceableStatus=[
            pb.ORCHESTRATION_STATUS_COMPLETED,
            pb.ORCHESTRATION_STATUS_FAILED,
            pb.ORCHESTRATION_STATUS_TERMINATED,
        ]
    )
    if find_instance(claim, client) is not None:
        return
    # What could not be recorded does not begin; whoever asks again records it, and begins it.
    record_acceptance(claim)
    for _ in range(START_ATTEMPTS):
        if find_instance(claim, client) is not None:
            return
        with contextlib.suppress(grpc.RpcError):
            client.schedule_new_orchestration(
                ORCHESTRATIONS[claim.kind],
                input=claim.operation_id,
                instance_id=instance_id(claim.hsm),
                reuse_id_policy=policy,
            )
            return
        # A request at the same instant started it; or the instance before it, which was recorded, ends in a moment.
        time.sleep(PAUSE_SECONDS)
    raise service_error(
        "not_started",
        "The request was accepted, but its operation could not be started.",
        advice="Send the same request again: it starts the operation that was accepted.",
        retryable=True,
    )


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


def read_progress(state: OrchestrationState) -> dict[str, Any]:
    """Read how far an instance says that it is; empty before it said anything."""
    document = json.loads(state.serialized_custom_status) if state.serialized_custom_status else {}
    return document if isinstance(document, dict) else {}


def _interrupted() -> ErrorDetail:
    return service_error(
        "operation_interrupted",
        "The operation was ended from outside, or broke, before it could be recorded.",
        advice="Nothing was deleted: the HSM may exist and be billed. Send the request again to resume.",
    ).detail
