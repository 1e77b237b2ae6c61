"""What the engine knows of the instance that carries out an operation, and how one is started."""

import contextlib
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import azure.durable_functions as df
from durabletask.client import OrchestrationState, OrchestrationStatus
from durabletask.internal import orchestrator_service_pb2 as pb

from clients.acceptances import record_acceptance
from domain.errors import ErrorDetail, ServiceError, service_error
from domain.fields import OperationKind
from domain.names import instance_id
from domain.records import Claim
from domain.summaries import ClaimSummary

ORCHESTRATIONS: Final[dict[OperationKind, str]] = {
    "provision": "hsm_provisioning",
    "update": "hsm_update",
    "adopt": "hsm_adoption",
    "rewrap": "security_domain_rewrap",
    "restore": "hsm_restore",
    "decommission": "hsm_decommissioning",
    "recover": "hsm_recovery",
}
STARTS_WITHIN: Final = timedelta(minutes=1)
START_ATTEMPTS: Final = 6
PAUSE_SECONDS: Final = 0.5
ENDED: Final = frozenset({OrchestrationStatus.COMPLETED, OrchestrationStatus.FAILED, OrchestrationStatus.TERMINATED})


def find_instance(claim: Claim | ClaimSummary, client: df.SyncDurableFunctionsClient) -> OrchestrationState | None:
    """Find the instance that carries out this operation; one of an operation before it is none."""
    state = _find(instance_id(claim.hsm), client)
    return state if state is not None and state.get_input() == claim.operation_id else None


def find_running(instance: str, client: df.SyncDurableFunctionsClient) -> OrchestrationState | None:
    """Find the one instance of an orchestration; None where it does not run."""
    state = _find(instance, client)
    return state if is_running(state) else None


def _find(instance: str, client: df.SyncDurableFunctionsClient) -> OrchestrationState | None:
    import grpc

    try:
        return client.get_orchestration_state(instance)
    except grpc.RpcError:
        raise engine_unavailable() from None


def engine_unavailable() -> ServiceError:
    """Make the error of an engine that does not answer."""
    return service_error(
        "engine_unavailable",
        "The engine that carries out operations does not answer.",
        advice="Nothing is lost. Send the same request again: what was accepted goes on.",
        retryable=True,
    )


def operation_interrupted() -> ErrorDetail:
    """Make the error of an operation that its instance left without an end."""
    return service_error(
        "operation_interrupted",
        "The operation was ended from outside, or broke, before it could be recorded.",
        advice="What was done stays: the HSM may exist and be billed. Send the request again to go on.",
    ).detail


def is_abandoned(claim: Claim, client: df.SyncDurableFunctionsClient) -> bool:
    """Say whether an accepted operation never began, and had the time to: whoever accepted it died at that moment."""
    had_time = datetime.now(UTC) - claim.claimed_at > STARTS_WITHIN
    return had_time and find_instance(claim, client) is None


def is_running(state: OrchestrationState | None) -> bool:
    """Say whether an instance exists and has not ended."""
    return state is not None and state.runtime_status not in ENDED


def start_only(name: str, instance: str, client: df.SyncDurableFunctionsClient) -> bool:
    """Start the one instance of an orchestration; False where it runs already."""
    import grpc

    if is_running(client.get_orchestration_state(instance)):
        return False
    try:
        client.schedule_new_orchestration(name, instance_id=instance, reuse_id_policy=_replacing_ended())
    except grpc.RpcError:
        # Somebody started it at the same instant; whatever else it is, whoever asks hears of it.
        if not is_running(client.get_orchestration_state(instance)):
            raise
        return False
    return True


def _replacing_ended() -> pb.OrchestrationIdReusePolicy:
    """Let an ended instance give its id to the next: it would block it otherwise."""
    return pb.OrchestrationIdReusePolicy(
        replaceableStatus=[
            pb.ORCHESTRATION_STATUS_COMPLETED,
            pb.ORCHESTRATION_STATUS_FAILED,
            pb.ORCHESTRATION_STATUS_TERMINATED,
        ]
    )


def ensure_started(claim: Claim, client: df.SyncDurableFunctionsClient) -> None:
    """Start the operation unless its instance exists; an ended instance would block its id, so it may be reused.

    Raises ServiceError `not_started`, `audit_unavailable`; the claim stands nevertheless.
    """
    import grpc

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
                reuse_id_policy=_replacing_ended(),
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


def read_progress(state: OrchestrationState) -> dict[str, Any]:
    """Read how far an instance says that it is; empty before it said anything."""
    document = json.loads(state.serialized_custom_status) if state.serialized_custom_status else {}
    return document if isinstance(document, dict) else {}
