"""What the engine knows of an operation, held against its claim."""

import json
from typing import Any, Final

import azure.durable_functions as df
from durabletask.client import OrchestrationState, OrchestrationStatus
from durabletask.internal import orchestrator_service_pb2 as pb

from clients import archive
from domain.errors import service_error
from domain.names import instance_id
from domain.operations import Operation, accepted_operation
from domain.records import Claim

ORCHESTRATION: Final = "hsm_provisioning"
_ENDED: Final = frozenset({OrchestrationStatus.COMPLETED, OrchestrationStatus.FAILED, OrchestrationStatus.TERMINATED})


def find_instance(claim: Claim, client: df.SyncDurableFunctionsClient) -> OrchestrationState | None:
    """Find the instance that carries out this operation; one of an operation before it is none."""
    state = client.get_orchestration_state(instance_id(claim.hsm))
    return state if state is not None and state.get_input() == claim.operation_id else None


def has_ended(claim: Claim, client: df.SyncDurableFunctionsClient) -> bool:
    """Say whether an operation's instance ended, well or badly."""
    state = find_instance(claim, client)
    return state is not None and state.runtime_status in _ENDED


def ensure_started(claim: Claim, client: df.SyncDurableFunctionsClient) -> None:
    """Start the operation unless its instance exists; an ended instance would block its id, so it may be reused."""
    if find_instance(claim, client) is not None:
        return
    policy = pb.OrchestrationIdReusePolicy(
        replaceableStatus=[
            pb.ORCHESTRATION_STATUS_COMPLETED,
            pb.ORCHESTRATION_STATUS_FAILED,
            pb.ORCHESTRATION_STATUS_TERMINATED,
        ]
    )
    import grpc

    try:
        client.schedule_new_orchestration(
            ORCHESTRATION, input=claim.operation_id, instance_id=instance_id(claim.hsm), reuse_id_policy=policy
        )
    except grpc.RpcError:
        # Refused because a request at the same instant started it, or not started at all: the claim stands either way,
        # and the same request again, or the next reconcile, starts what has not begun.
        if find_instance(claim, client) is None:
            raise service_error(
                "not_started",
                "The request was accepted, but its operation could not be started.",
                advice="Send the same request again: it starts the operation that was accepted.",
                retryable=True,
            ) from None


def find_operation_of(claim: Claim, client: df.SyncDurableFunctionsClient) -> Operation:
    """Describe the operation of a claim: how far its instance is, or its record once that has ended."""
    state = find_instance(claim, client)
    if claim.running and state is not None and state.runtime_status not in _ENDED:
        return _describe(claim, state)
    # An instance ends after its operation was recorded: what began and has no record by now was interrupted.
    return archive.find_operation(claim.operation_id) or _describe(claim, state)


def _describe(claim: Claim, state: OrchestrationState | None) -> Operation:
    operation = accepted_operation(claim)
    if state is None:
        return operation
    progress = _progress(state)
    if state.runtime_status in _ENDED:
        progress = {**progress, "status": "Failed", "error": _interrupted()}
    elif progress:
        # The record makes the end: until it is written, the operation is at its last step.
        progress = {**progress, "status": "Running"}
        progress.pop("finishedAt", None)
    return Operation.model_validate({**operation.model_dump(by_alias=True, exclude_none=True), **progress})


def _progress(state: OrchestrationState) -> dict[str, Any]:
    document = json.loads(state.serialized_custom_status) if state.serialized_custom_status else {}
    return document if isinstance(document, dict) else {}


def _interrupted() -> dict[str, Any]:
    return service_error(
        "operation_interrupted",
        "The operation was ended from outside, or broke, before it could be recorded.",
        advice="Nothing was deleted: the HSM may exist and be billed. Send the request again to resume.",
    ).detail.model_dump(mode="json", by_alias=True, exclude_none=True)
