"""The engine's gRPC service, as durable clients call it.

Work items are not handed out here: the host has its own worker, and one that strayed to somebody else would be lost.
Source: durabletask's TaskHubSidecarService.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import wraps
from typing import Any, Final

import grpc
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.internal import orchestrator_service_pb2_grpc as stubs
from google.protobuf import empty_pb2, wrappers_pb2

from local.host.engine import events
from local.host.engine.engine import Engine
from local.host.engine.errors import EngineError, InstanceExists, InstanceNotFound, InvalidRequest, WrongState

_UNLIMITED: Final = -1
_CHUNK: Final = 100
_CODES: Final[dict[type[EngineError], grpc.StatusCode]] = {
    InstanceExists: grpc.StatusCode.ALREADY_EXISTS,
    InstanceNotFound: grpc.StatusCode.NOT_FOUND,
    InvalidRequest: grpc.StatusCode.INVALID_ARGUMENT,
    WrongState: grpc.StatusCode.FAILED_PRECONDITION,
}


async def serve(engine: Engine) -> tuple[grpc.aio.Server, str]:
    """Serve on a free port of 127.0.0.1 that is nobody else's, and give its address."""
    options = [
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", _UNLIMITED),
        ("grpc.max_send_message_length", _UNLIMITED),
    ]
    server = grpc.aio.server(options=options)
    stubs.add_TaskHubSidecarServiceServicer_to_server(ClientService(engine), server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, f"127.0.0.1:{port}"


def _typed[Request, Response](
    method: Callable[["ClientService", Request, Any], Awaitable[Response]],
) -> Callable[["ClientService", Request, Any], Awaitable[Response]]:
    """Turn the engine's refusals into gRPC's codes."""

    @wraps(method)
    async def call(self: "ClientService", request: Request, context: Any) -> Response:
        try:
            return await method(self, request, context)
        except EngineError as refusal:
            await context.abort(_CODES[type(refusal)], str(refusal))
            raise
        except TimeoutError:
            await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "the instance did not get so far in time")
            raise

    return call


# The methods' names are gRPC's.
class ClientService(stubs.TaskHubSidecarServiceServicer):
    """What durable clients call."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def Hello(self, request: empty_pb2.Empty, context: Any) -> empty_pb2.Empty:  # noqa: ARG002, N802
        """Say that the service is there."""
        return empty_pb2.Empty()

    @_typed
    async def StartInstance(self, request: pb.CreateInstanceRequest, context: Any) -> pb.CreateInstanceResponse:  # noqa: ARG002, N802
        """Start an instance."""
        return pb.CreateInstanceResponse(instanceId=self._engine.start(request))

    @_typed
    async def GetInstance(self, request: pb.GetInstanceRequest, context: Any) -> pb.GetInstanceResponse:  # noqa: ARG002, N802
        """Describe an instance."""
        return _found(self._engine.get(request.instanceId, payloads=request.getInputsAndOutputs))

    @_typed
    async def WaitForInstanceStart(self, request: pb.GetInstanceRequest, context: Any) -> pb.GetInstanceResponse:  # noqa: N802
        """Wait until an instance has begun, as long as the caller waits."""
        return await self._wait(request, context, until_completed=False)

    @_typed
    async def WaitForInstanceCompletion(self, request: pb.GetInstanceRequest, context: Any) -> pb.GetInstanceResponse:  # noqa: N802
        """Wait until an instance has ended, as long as the caller waits."""
        return await self._wait(request, context, until_completed=True)

    async def _wait(
        self, request: pb.GetInstanceRequest, context: Any, *, until_completed: bool
    ) -> pb.GetInstanceResponse:
        state = await self._engine.wait(
            request.instanceId,
            until_completed=until_completed,
            seconds=context.time_remaining(),
            payloads=request.getInputsAndOutputs,
        )
        return _found(state)

    @_typed
    async def RaiseEvent(self, request: pb.RaiseEventRequest, context: Any) -> pb.RaiseEventResponse:  # noqa: ARG002, N802
        """Hand an event to an instance."""
        self._engine.raise_event(request.instanceId, request.name, events.optional(request, "input"))
        return pb.RaiseEventResponse()

    @_typed
    async def TerminateInstance(self, request: pb.TerminateRequest, context: Any) -> pb.TerminateResponse:  # noqa: ARG002, N802
        """Have an instance end."""
        output = events.optional(request, "output")
        self._engine.terminate(request.instanceId, output, recursive=request.recursive)
        return pb.TerminateResponse()

    @_typed
    async def SuspendInstance(self, request: pb.SuspendRequest, context: Any) -> pb.SuspendResponse:  # noqa: ARG002, N802
        """Have an instance pause."""
        self._engine.suspend(request.instanceId, events.optional(request, "reason"))
        return pb.SuspendResponse()

    @_typed
    async def ResumeInstance(self, request: pb.ResumeRequest, context: Any) -> pb.ResumeResponse:  # noqa: ARG002, N802
        """Have an instance go on."""
        self._engine.resume(request.instanceId, events.optional(request, "reason"))
        return pb.ResumeResponse()

    @_typed
    async def RewindInstance(self, request: pb.RewindInstanceRequest, context: Any) -> pb.RewindInstanceResponse:  # noqa: ARG002, N802
        """Have a failed instance go on from before its failures."""
        self._engine.rewind(request.instanceId, events.optional(request, "reason"))
        return pb.RewindInstanceResponse()

    @_typed
    async def RestartInstance(self, request: pb.RestartInstanceRequest, context: Any) -> pb.RestartInstanceResponse:  # noqa: ARG002, N802
        """Start an ended instance's orchestrator again."""
        new = self._engine.restart(request.instanceId, new_id=request.restartWithNewInstanceId)
        return pb.RestartInstanceResponse(instanceId=new)

    @_typed
    async def QueryInstances(self, request: pb.QueryInstancesRequest, context: Any) -> pb.QueryInstancesResponse:  # noqa: ARG002, N802
        """Describe the instances that a filter names."""
        states, token = self._engine.query(request.query)
        return pb.QueryInstancesResponse(orchestrationState=states, continuationToken=events.text(token))

    @_typed
    async def ListInstanceIds(self, request: pb.ListInstanceIdsRequest, context: Any) -> pb.ListInstanceIdsResponse:  # noqa: ARG002, N802
        """Name ended instances."""
        ids, key = self._engine.ended_instances(request)
        return pb.ListInstanceIdsResponse(instanceIds=ids, lastInstanceKey=events.text(key))

    @_typed
    async def PurgeInstances(self, request: pb.PurgeInstancesRequest, context: Any) -> pb.PurgeInstancesResponse:  # noqa: ARG002, N802
        """Forget ended instances."""
        if request.HasField("purgeInstanceFilter"):
            count = self._engine.purge_by(request.purgeInstanceFilter)
        else:
            ids = request.instanceBatch.instanceIds or [request.instanceId]
            count = sum(self._engine.purge(each, recursive=request.recursive) for each in ids)
        return pb.PurgeInstancesResponse(deletedInstanceCount=count, isComplete=wrappers_pb2.BoolValue(value=True))

    async def StreamInstanceHistory(  # noqa: N802
        self, request: pb.StreamInstanceHistoryRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.HistoryChunk]:
        """Give an instance's history in parts."""
        try:
            history = self._engine.history(request.instanceId)
        except InstanceNotFound as refusal:
            await context.abort(grpc.StatusCode.NOT_FOUND, str(refusal))
        for offset in range(0, len(history), _CHUNK):
            yield pb.HistoryChunk(events=history[offset : offset + _CHUNK])

    @_typed
    async def SignalEntity(self, request: pb.SignalEntityRequest, context: Any) -> pb.SignalEntityResponse:  # noqa: ARG002, N802
        """Have an entity do something."""
        self._engine.signal_entity(request)
        return pb.SignalEntityResponse()

    @_typed
    async def GetEntity(self, request: pb.GetEntityRequest, context: Any) -> pb.GetEntityResponse:  # noqa: ARG002, N802
        """Describe an entity."""
        entity = self._engine.get_entity(request.instanceId, state=request.includeState)
        return pb.GetEntityResponse(exists=entity is not None, entity=entity)

    @_typed
    async def QueryEntities(self, request: pb.QueryEntitiesRequest, context: Any) -> pb.QueryEntitiesResponse:  # noqa: ARG002, N802
        """Describe the entities that a filter names."""
        found, token = self._engine.query_entities(request.query)
        return pb.QueryEntitiesResponse(entities=found, continuationToken=events.text(token))

    @_typed
    async def CleanEntityStorage(  # noqa: N802
        self,
        request: pb.CleanEntityStorageRequest,
        context: Any,  # noqa: ARG002
    ) -> pb.CleanEntityStorageResponse:
        """Give orphaned locks back; entities without a state are forgotten at once, so there are none to remove."""
        released = self._engine.release_orphaned_locks() if request.releaseOrphanedLocks else 0
        return pb.CleanEntityStorageResponse(orphanedLocksReleased=released)


def _found(state: pb.OrchestrationState | None) -> pb.GetInstanceResponse:
    return pb.GetInstanceResponse(exists=state is not None, orchestrationState=state)
