"""The run over all stored security domains: how it begins, and what it found."""

import logging

import azure.durable_functions as df
from durabletask.client import OrchestrationState
from durabletask.internal import orchestrator_service_pb2 as pb

from clients import archive
from clients.verification_runs import find_begin, looked_at_since
from domain.verification_runs import VERIFICATION_INSTANCE, Tally, VerificationCounts, VerificationRuns
from triggers.door.calls import Answer, Call
from triggers.operations.instances import ENDED, engine_unavailable

_log = logging.getLogger("hsm_provisioner.verification")


def start_run(client: df.SyncDurableFunctionsClient) -> None:
    """Start the one instance, unless it runs."""
    import grpc

    if _is_running(client.get_orchestration_state(VERIFICATION_INSTANCE)):
        _log.info("the stored security domains are being verified already")
        return
    policy = pb.OrchestrationIdReusePolicy(
        replaceableStatus=[
            pb.ORCHESTRATION_STATUS_COMPLETED,
            pb.ORCHESTRATION_STATUS_FAILED,
            pb.ORCHESTRATION_STATUS_TERMINATED,
        ]
    )
    try:
        client.schedule_new_orchestration(
            "security_domain_verification", instance_id=VERIFICATION_INSTANCE, reuse_id_policy=policy
        )
    except grpc.RpcError:
        # Somebody started it at the same instant; whatever else it is, the host says of this function that it failed.
        if not _is_running(client.get_orchestration_state(VERIFICATION_INSTANCE)):
            raise


def get_verification_runs(call: Call) -> Answer:
    """Say how the run that is under way is, and what the last one found."""
    import grpc

    try:
        state = call.client.get_orchestration_state(VERIFICATION_INSTANCE)
    except grpc.RpcError:
        raise engine_unavailable() from None
    running = _is_running(state)
    view = VerificationRuns(
        running=running,
        progress=_count_so_far() if running else None,
        last_run=archive.find_verification_run(),
    )
    return Answer(200, view)


def _count_so_far() -> VerificationCounts | None:
    """Count what the run under way has written down; None where it has not begun, or is recorded already."""
    begin = find_begin()
    if begin is None:
        return None
    tally = Tally()
    for hsm, finding in looked_at_since(begin):
        if finding is not None:
            tally.add(hsm, finding)
    return tally.counts


def _is_running(state: OrchestrationState | None) -> bool:
    return state is not None and state.runtime_status not in ENDED
