"""Takes work from the engine, has the worker do it, and hands the results back."""

import asyncio
import base64
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from durabletask.entities import EntityInstanceId
from durabletask.internal import helpers
from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf.message import DecodeError

from local.host.engine import events, turns
from local.host.engine.versions import VersionRule
from local.host.engine.work import WorkItems
from local.host.functions import Function, Input, InvocationError, InvocationFailed, Invoker

_log = logging.getLogger("local.host.dispatcher")


class Concurrency(NamedTuple):
    """How much of each kind runs at once."""

    orchestrators: int
    activities: int
    entities: int


class DurableFunctions(NamedTuple):
    """The app's durable functions by the names that orchestrations know them by; an entity's is in lower case."""

    orchestrators: Mapping[str, Function]
    activities: Mapping[str, Function]
    entities: Mapping[str, Function]


def find_durable_functions(functions: Sequence[Function]) -> DurableFunctions:
    """Sort out the durable functions of an app."""
    return DurableFunctions(
        _by_name(functions, "orchestrationTrigger", "orchestration"),
        _by_name(functions, "activityTrigger", "activity"),
        {name.lower(): function for name, function in _by_name(functions, "entityTrigger", "entityName").items()},
    )


def _by_name(functions: Sequence[Function], trigger: str, alias: str) -> dict[str, Function]:
    return {
        function.trigger.get(alias) or function.name: function
        for function in functions
        if function.trigger["type"] == trigger
    }


class Dispatcher:
    """Runs orchestrators, activities and entities in the worker."""

    def __init__(self, items: WorkItems, invoker: Invoker, functions: DurableFunctions, versions: VersionRule) -> None:
        self._items = items
        self._invoker = invoker
        self._functions = functions
        self._versions = versions

    async def run(self, concurrency: Concurrency) -> None:
        """Take work until cancelled."""
        items = self._items
        async with asyncio.TaskGroup() as group:
            group.create_task(_work(items.take_turn, self._orchestrate, concurrency.orchestrators))
            group.create_task(_work(items.take_activity, self._act, concurrency.activities))
            group.create_task(_work(items.take_entity_batch, self._operate, concurrency.entities))
            group.create_task(items.run_alarms())

    async def _orchestrate(self, item: pb.WorkItem) -> None:
        request = item.orchestratorRequest
        started = _find_start(request)
        version = events.optional(started, "version")
        if self._versions.admits(version):
            response = await self._run_orchestrator(request, started.name)
        elif terminated := _find_termination(request):
            response = turns.end_as_asked(terminated)
        elif self._versions.on_mismatch == "Fail":
            text = f"The version {version!r} does not match this app's {self._versions.current!r}."
            response = _failed_orchestration("VersionMismatch", text)
        else:
            _log.warning("%s: version %r is not run here", request.instanceId, version)
            self._items.leave_turn(item.completionToken)
            return
        response.instanceId = request.instanceId
        response.completionToken = item.completionToken
        self._hand_back(
            self._items.complete_turn,
            response,
            lambda kind, text: pb.OrchestratorResponse(
                actions=_failed_orchestration(kind, text).actions, completionToken=item.completionToken
            ),
        )

    def _hand_back[Answer](
        self, complete: Callable[[Answer], None], answer: Answer, fail: Callable[[str, str], Answer]
    ) -> None:
        """Hand an answer back; one that cannot be taken fails its work and nobody else's."""
        try:
            complete(answer)
        except sqlite3.Error:
            # Nothing can be kept any more: the host ends, loudly.
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it fails the work that it is of
            _log.exception("an answer could not be taken")
            complete(fail("AnswerNotTaken", f"{type(error).__name__}: {error}"))

    async def _run_orchestrator(self, request: pb.OrchestratorRequest, name: str) -> pb.OrchestratorResponse:
        function = self._functions.orchestrators.get(name)
        if function is None:
            return _failed_orchestration("OrchestratorNotFound", f"The app has no orchestrator {name!r}.")
        try:
            answer = await self._invoke(function, "string", _encode(request.SerializeToString()))
            return _decode(pb.OrchestratorResponse(), answer)
        except InvocationError as failure:
            return _failed_orchestration(*_describe(failure))

    async def _act(self, item: pb.WorkItem) -> None:
        request = item.activityRequest
        response = pb.ActivityResponse(
            instanceId=request.orchestrationInstance.instanceId,
            taskId=request.taskId,
            completionToken=item.completionToken,
        )
        function = self._functions.activities.get(request.name)
        if function is None:
            details = events.failure("ActivityNotFound", f"The app has no activity {request.name!r}.")
            response.failureDetails.CopyFrom(details)
        else:
            await self._run_activity(function, request, response)
        self._hand_back(
            self._items.complete_activity,
            response,
            lambda kind, text: pb.ActivityResponse(
                failureDetails=events.failure(kind, text), completionToken=item.completionToken
            ),
        )

    async def _run_activity(
        self, function: Function, request: pb.ActivityRequest, response: pb.ActivityResponse
    ) -> None:
        try:
            response.result.value = await self._invoke(function, "json", events.optional(request, "input") or "null")
        except InvocationError as failure:
            response.failureDetails.CopyFrom(events.failure(*_describe(failure)))

    async def _operate(self, item: pb.WorkItem) -> None:
        request, _ = helpers.convert_to_entity_batch_request(item.entityRequestV2)
        name = _entity_name(request.instanceId)
        function = self._functions.entities.get(name)
        if function is None:
            result = _failed_batch(request, "EntityNotFound", f"The app has no entity {name!r}.")
        else:
            result = await self._run_entity(function, request)
        result.completionToken = item.completionToken
        self._hand_back(
            self._items.complete_entity_batch,
            result,
            lambda kind, text: _failed_batch(request, kind, text, token=item.completionToken),
        )

    async def _run_entity(self, function: Function, request: pb.EntityBatchRequest) -> pb.EntityBatchResult:
        try:
            answer = await self._invoke(function, "string", _encode(request.SerializeToString()))
            return _decode(pb.EntityBatchResult(), answer)
        except InvocationError as failure:
            return _failed_batch(request, *_describe(failure))

    async def _invoke(self, function: Function, kind: Literal["json", "string"], value: str) -> str:
        """Run a function on one text and give its answer, a text too."""
        given = Input(function.trigger["name"], kind, value)
        output = await self._invoker.invoke(function, [given], again=True)
        return str(output.value) if output is not None else "null"


async def _work(
    take: Callable[[], Awaitable[pb.WorkItem]], work: Callable[[pb.WorkItem], Awaitable[None]], at_once: int
) -> None:
    """Do what there is to do, so much at once."""
    free = asyncio.Semaphore(at_once)
    async with asyncio.TaskGroup() as running:
        while True:
            await free.acquire()
            running.create_task(_do(work, await take(), free))
            # Others have their turn while large histories are read one after the other.
            await asyncio.sleep(0)


async def _do(work: Callable[[pb.WorkItem], Awaitable[None]], item: pb.WorkItem, free: asyncio.Semaphore) -> None:
    try:
        await work(item)
    finally:
        free.release()


def _find_start(request: pb.OrchestratorRequest) -> pb.ExecutionStartedEvent:
    for event in [*request.newEvents, *request.pastEvents]:
        if event.HasField("executionStarted"):
            started: pb.ExecutionStartedEvent = event.executionStarted
            return started
    message = f"the history of {request.instanceId} has no beginning"
    raise ValueError(message)


def _entity_name(entity_id: str) -> str:
    """Give an entity's name in lower case; an empty one where the id is none, which an orchestrator may have sent."""
    try:
        return EntityInstanceId.parse(entity_id).entity.lower()
    except ValueError:
        return ""


def _find_termination(request: pb.OrchestratorRequest) -> pb.ExecutionTerminatedEvent | None:
    found = (event.executionTerminated for event in request.newEvents if event.HasField("executionTerminated"))
    return next(found, None)


def _encode(message: bytes) -> str:
    return base64.b64encode(message).decode()


def _decode[Message: pb.OrchestratorResponse | pb.EntityBatchResult](message: Message, answer: str) -> Message:
    """Read a worker's answer; raises InvocationFailed where it is none."""
    try:
        message.ParseFromString(base64.b64decode(answer, validate=True))
    except (ValueError, DecodeError):
        raise InvocationFailed("AnswerUnreadable", "the worker's answer could not be read") from None
    return message


def _describe(failure: InvocationError) -> tuple[str, str, str]:
    return failure.error_type, str(failure), failure.stack


def _failed_orchestration(kind: str, message: str, stack: str = "") -> pb.OrchestratorResponse:
    details = events.failure(kind, message, stack)
    action = helpers.new_complete_orchestration_action(-1, pb.ORCHESTRATION_STATUS_FAILED, failure_details=details)
    return pb.OrchestratorResponse(actions=[action])


def _failed_batch(
    request: pb.EntityBatchRequest, kind: str, message: str, stack: str = "", token: str = ""
) -> pb.EntityBatchResult:
    """Fail each operation, and leave the entity as it was."""
    failed = pb.OperationResult(failure=pb.OperationResultFailure(failureDetails=events.failure(kind, message, stack)))
    return pb.EntityBatchResult(
        results=[failed] * len(request.operations),
        entityState=request.entityState if request.HasField("entityState") else None,
        completionToken=token,
    )
