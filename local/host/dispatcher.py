"""Takes work items from the engine, has the worker do them, and hands the results back."""

import base64
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NoReturn

from durabletask.internal import helpers
from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf import wrappers_pb2
from google.protobuf.message import DecodeError

from local.host.engine import Engine
from local.host.supervisor import InvocationFailed, Supervisor, WorkerDied

CONCURRENT_ITEMS: Final = 32
_log = logging.getLogger("local.host.dispatcher")


class _InProcess:
    """Stands for the gRPC context of a call that is none."""

    def is_active(self) -> bool:
        """Say that the caller still listens."""
        return True

    def abort(self, code: Any, details: str) -> NoReturn:
        """Refuse the call."""
        message = f"{code}: {details}"
        raise RuntimeError(message)


class Dispatcher:
    """Runs orchestrators and activities in the worker by their durable names."""

    def __init__(self, engine: Engine, supervisor: Supervisor, functions: list[dict[str, Any]]) -> None:
        self._engine = engine
        self._supervisor = supervisor
        self._orchestrators = _find(functions, "orchestrationTrigger", "orchestration")
        self._activities = _find(functions, "activityTrigger", "activity")
        self._context: Any = _InProcess()
        self._work: dict[str, Callable[[pb.WorkItem], None]] = {
            "orchestratorRequest": self._orchestrate,
            "activityRequest": self._act,
        }
        self._pool = ThreadPoolExecutor(CONCURRENT_ITEMS, "work-item")

    def start(self) -> None:
        """Begin to take work items, until the process ends."""
        threading.Thread(target=self._run, name="dispatcher", daemon=True).start()

    def _run(self) -> None:
        for item in self._engine.GetWorkItems(pb.GetWorkItemsRequest(), self._context):
            work = self._work.get(item.WhichOneof("request") or "", _refuse)
            self._pool.submit(work, item).add_done_callback(_report)

    def _orchestrate(self, item: pb.WorkItem) -> None:
        request = item.orchestratorRequest
        started = [event for event in [*request.pastEvents, *request.newEvents] if event.HasField("executionStarted")]
        name = started[-1].executionStarted.name
        try:
            function_id, binding = self._orchestrators[name]
            text = base64.b64encode(request.SerializeToString()).decode()
            output = self._supervisor.invoke(function_id, [_input(binding, "string", text)], again=True)
            response = pb.OrchestratorResponse.FromString(base64.b64decode(output["value"] if output else ""))
        except KeyError:
            response = _failed_orchestration(request.instanceId, "OrchestratorNotFound", f"no orchestrator {name!r}")
        except InvocationFailed as failure:
            response = _failed_orchestration(request.instanceId, failure.error_type, str(failure))
        except WorkerDied as failure:
            response = _failed_orchestration(request.instanceId, "WorkerProcessDied", str(failure))
        except DecodeError:
            text = "the worker's answer could not be read"
            response = _failed_orchestration(request.instanceId, "OrchestratorUnreadable", text)
        response.instanceId = request.instanceId
        response.completionToken = item.completionToken
        self._engine.CompleteOrchestratorTask(response, self._context)

    def _act(self, item: pb.WorkItem) -> None:
        request = item.activityRequest
        response = pb.ActivityResponse(
            instanceId=request.orchestrationInstance.instanceId,
            taskId=request.taskId,
            completionToken=item.completionToken,
        )
        failure: pb.TaskFailureDetails | None = None
        try:
            function_id, binding = self._activities[request.name]
            value = request.input.value if request.HasField("input") else "null"
            output = self._supervisor.invoke(function_id, [_input(binding, "json", value)], again=True)
            response.result.CopyFrom(wrappers_pb2.StringValue(value=output["value"] if output else "null"))
        except KeyError:
            failure = _failure("ActivityNotFound", f"no activity {request.name!r}")
        except InvocationFailed as error:
            failure = _failure(error.error_type, str(error), error.stack)
        except WorkerDied as error:
            failure = _failure("WorkerProcessDied", str(error))
        if failure is not None:
            response.failureDetails.CopyFrom(failure)
        self._engine.CompleteActivityTask(response, self._context)


def _refuse(item: pb.WorkItem) -> None:
    message = f"the local host cannot run a work item of kind {item.WhichOneof('request')}"
    raise TypeError(message)


def _find(functions: list[dict[str, Any]], trigger: str, alias: str) -> dict[str, tuple[str, str]]:
    """Map durable names to a function's id and the name of its trigger's binding."""
    return {
        binding.get(alias) or function["name"]: (function["id"], binding["name"])
        for function in functions
        for binding in function["bindings"]
        if binding["type"] == trigger
    }


def _input(name: str, kind: str, value: str) -> dict[str, Any]:
    return {"name": name, "kind": kind, "value": value}


def _failure(kind: str, text: str, stack: str = "") -> pb.TaskFailureDetails:
    details = pb.TaskFailureDetails(errorType=kind, errorMessage=text)
    if stack:
        details.stackTrace.value = stack
    return details


def _failed_orchestration(instance_id: str, kind: str, text: str) -> pb.OrchestratorResponse:
    action = helpers.new_complete_orchestration_action(
        -1, pb.ORCHESTRATION_STATUS_FAILED, failure_details=_failure(kind, text)
    )
    return pb.OrchestratorResponse(instanceId=instance_id, actions=[action])


def _report(done: Any) -> None:
    error = done.exception()
    if error is not None:
        _log.error("a work item could not be completed", exc_info=error)
