"""durabletask's in-memory backend with the defects closed that a host must not have.

Results and timers are bound to the execution that asked for them; a child orchestration may take as long as it likes;
each work item is completed once; a failure without a text is a failure; waiting callers cannot use up the server; it
binds 127.0.0.1 on a port of its own; all timers share one thread. README.md says which defects are left.
"""

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from concurrent import futures
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, NoReturn

import grpc
from durabletask.internal import helpers
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.internal import orchestrator_service_pb2_grpc as stubs
from durabletask.testing.in_memory_backend import InMemoryOrchestrationBackend, OrchestrationInstance, StateWaiter

SERVER_THREADS: Final = 512
MAXIMUM_WAITS: Final = 448
LONGEST_WAIT_SECONDS: Final = 30.0
MAXIMUM_HISTORY: Final = 1_000_000
WITHOUT_TEXT: Final = "The activity failed without a text."


# What answers a task of one execution, and means nothing to the next.
_RESULTS: Final = frozenset(
    {
        "taskCompleted",
        "taskFailed",
        "timerFired",
        "subOrchestrationInstanceCompleted",
        "subOrchestrationInstanceFailed",
    }
)


class _Execution(NamedTuple):
    """One generation of an instance: a new start and each continue-as-new begin another."""

    instance_id: str
    number: int


class _Child(NamedTuple):
    parent: _Execution
    task_id: int


class Engine(InMemoryOrchestrationBackend):
    """The backend behind the local host; start it, take its work items, complete them."""

    def __init__(self) -> None:
        super().__init__(port=0, max_history_size=MAXIMUM_HISTORY)
        self._numbers = itertools.count(1)
        self._executions: dict[str, int] = {}
        self._scheduled: dict[str, _Execution] = {}
        self._children: dict[str, _Child] = {}
        self._timers = _Timers()
        self._waits = threading.BoundedSemaphore(MAXIMUM_WAITS)

    def start(self) -> str:
        """Serve on a free port of 127.0.0.1 that is nobody else's, and give its address."""
        server = grpc.server(
            futures.ThreadPoolExecutor(SERVER_THREADS),
            options=[("grpc.so_reuseport", 0)],
            interceptors=[_ForClients()],
        )
        stubs.add_TaskHubSidecarServiceServicer_to_server(self, server)  # type: ignore[no-untyped-call]
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        self._server = server
        return f"127.0.0.1:{port}"

    # --- which execution is the present one

    def StartInstance(self, request: pb.CreateInstanceRequest, context: Any) -> pb.CreateInstanceResponse:  # noqa: N802
        """Start an instance: its execution is a new one."""
        with self._lock:
            response = super().StartInstance(request, context)
            self._begin_execution(response.instanceId)
            return response

    def _create_instance_internal(
        self, instance_id: str, name: str, encoded_input: str | None = None, version: str | None = None
    ) -> None:
        super()._create_instance_internal(instance_id, name, encoded_input, version)
        self._begin_execution(instance_id)

    def _process_complete_orchestration_action(
        self, instance: OrchestrationInstance, complete_action: pb.CompleteOrchestrationAction
    ) -> None:
        continues = complete_action.orchestrationStatus == pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW
        if continues:
            # The backend hands what arrived meanwhile to the next generation, which numbers its tasks from 1 again.
            arrived = [event for event in instance.pending_events if event.WhichOneof("eventType") not in _RESULTS]
            instance.pending_events[:] = arrived
        super()._process_complete_orchestration_action(instance, complete_action)
        if continues:
            self._begin_execution(instance.instance_id)

    def _begin_execution(self, instance_id: str) -> None:
        self._executions[instance_id] = next(self._numbers)

    def _execution_of(self, instance: OrchestrationInstance) -> _Execution:
        return _Execution(instance.instance_id, self._executions[instance.instance_id])

    def _find_running(self, execution: _Execution) -> OrchestrationInstance | None:
        instance = self._instances.get(execution.instance_id)
        present = self._executions.get(execution.instance_id) == execution.number
        return instance if instance and present and not self._is_terminal_status(instance.status) else None

    def _deliver(self, execution: _Execution, event: pb.HistoryEvent) -> None:
        """Hand an event to the execution that it is for; one that is over does not get it, nor does its successor."""
        with self._lock:
            instance = self._find_running(execution)
            if instance is None:
                return
            instance.pending_events.append(event)
            instance.last_updated_at = datetime.now(UTC)
            self._enqueue_orchestration(execution.instance_id)

    # --- activities

    def _process_schedule_task_action(self, instance: OrchestrationInstance, action: pb.OrchestratorAction) -> None:
        super()._process_schedule_task_action(instance, action)
        item = self._activity_queue[-1]
        item.completion_token = self._next_completion_token
        self._next_completion_token += 1
        self._scheduled[str(item.completion_token)] = self._execution_of(instance)

    def CompleteActivityTask(self, request: pb.ActivityResponse, context: Any) -> pb.CompleteTaskResponse:  # noqa: N802
        """Complete an activity, once, for the execution that scheduled it."""
        with self._lock:
            execution = self._scheduled.pop(request.completionToken, None)
            if execution is None or self._find_running(execution) is None:
                return pb.CompleteTaskResponse()
            if request.HasField("failureDetails") and not request.failureDetails.errorMessage:
                request.failureDetails.errorMessage = WITHOUT_TEXT
            return super().CompleteActivityTask(request, context)

    # --- timers and children

    def _process_create_timer_action(self, instance: OrchestrationInstance, action: pb.OrchestratorAction) -> None:
        fire_at = action.createTimer.fireAt.ToDatetime(tzinfo=UTC)
        instance.history.append(helpers.new_timer_created_event(action.id, fire_at))
        if instance.status == pb.ORCHESTRATION_STATUS_PENDING:
            instance.status = pb.ORCHESTRATION_STATUS_RUNNING
        execution = self._execution_of(instance)
        event = helpers.new_timer_fired_event(action.id, fire_at)
        self._timers.add(fire_at.timestamp(), lambda: self._deliver(execution, event))

    def _watch_sub_orchestration(self, parent_instance_id: str, sub_instance_id: str, task_id: int) -> None:
        parent = self._instances[parent_instance_id]
        self._children[sub_instance_id] = _Child(self._execution_of(parent), task_id)
        self._notify_waiters(sub_instance_id)

    def _notify_waiters(self, instance_id: str) -> None:
        super()._notify_waiters(instance_id)
        instance = self._instances.get(instance_id)
        if instance is None or not self._is_terminal_status(instance.status):
            return
        child = self._children.pop(instance_id, None)
        if child is None:
            return
        if instance.status == pb.ORCHESTRATION_STATUS_COMPLETED:
            event = helpers.new_sub_orchestration_completed_event(child.task_id, instance.output)
        else:
            text = instance.failure_details.errorMessage if instance.failure_details else "The child was terminated."
            event = helpers.new_sub_orchestration_failed_event(child.task_id, RuntimeError(text))
        self._deliver(child.parent, event)

    # --- callers that wait

    def _wait_for_state(
        self, instance_id: str, predicate: Callable[[OrchestrationInstance], bool], timeout: float | None
    ) -> OrchestrationInstance | None:
        """Wait as long as the caller's deadline allows; raises RuntimeError where too many wait at once."""
        with self._lock:
            instance = self._instances.get(instance_id)
            if instance and predicate(instance):
                return instance
            if not self._waits.acquire(blocking=False):
                message = f"more than {MAXIMUM_WAITS} callers wait already"
                raise RuntimeError(message)
            waiter = StateWaiter(predicate=predicate)
            self._state_waiters.setdefault(instance_id, []).append(waiter)
        try:
            return waiter.result if waiter.event.wait(timeout or LONGEST_WAIT_SECONDS) else None
        finally:
            self._waits.release()
            with self._lock:
                waiters = self._state_waiters.get(instance_id, [])
                # By identity: two waiters can be equal.
                self._state_waiters[instance_id] = [other for other in waiters if other is not waiter]


class _ForClients(grpc.ServerInterceptor):  # type: ignore[misc]
    """Lets callers do what clients do: work items are the dispatcher's, and one that strays to others would be lost."""

    def intercept_service(
        self, continuation: Callable[[Any], Any], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        """Refuse what a worker would call."""
        name = handler_call_details.method.rpartition("/")[2]
        if name == "GetWorkItems":
            return grpc.unary_stream_rpc_method_handler(_refuse)
        if name.startswith(("Complete", "Abandon")):
            return grpc.unary_unary_rpc_method_handler(_refuse)
        return continuation(handler_call_details)


def _refuse(request: bytes, context: grpc.ServicerContext) -> NoReturn:  # noqa: ARG001 - the signature of a handler
    context.abort(grpc.StatusCode.PERMISSION_DENIED, "the local host has its own worker")
    raise AssertionError


class _Timers:
    """All timers on one thread."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name="timers", daemon=True).start()

    def add(self, due: float, fire: Callable[[], None]) -> None:
        """Call `fire` at a time given in seconds since the epoch."""
        with self._changed:
            heapq.heappush(self._due, (due, next(self._numbers), fire))
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._due or (left := self._due[0][0] - time.time()) > 0:
                    self._changed.wait(left if self._due else None)
                _, _, fire = heapq.heappop(self._due)
            fire()
