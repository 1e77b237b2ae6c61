"""The two backends that the tests of the engine compare: durabletask's own for tests, and ours.

Both run the same functions by durabletask's own replay, and both are called over gRPC.
"""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent import futures
from pathlib import Path
from typing import Protocol

import grpc
from azure.durable_functions.worker import DurableFunctionsWorker
from durabletask.client import TaskHubGrpcClient
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.internal import orchestrator_service_pb2_grpc as stubs
from durabletask.task import ActivityContext
from durabletask.testing.in_memory_backend import InMemoryOrchestrationBackend, OrchestrationInstance
from durabletask.worker import TaskHubGrpcWorker

from local.host.clock import HostClock
from local.host.engine.dispatcher import Concurrency, Dispatcher, find_durable_functions
from local.host.engine.engine import Engine
from local.host.engine.hub import Limits, TaskHub
from local.host.engine.service import serve
from local.host.engine.store import Store
from local.host.engine.versions import VersionRule
from local.host.engine.work import WorkItems
from local.host.functions import Function, Input, InvocationFailed, Output
from local.host.state import open_state
from tests.local.host.engine.durable_work import ACTIVITIES, ORCHESTRATORS, RUNS, most_at_once, tally


class Backend(Protocol):
    """A backend with a worker that runs the functions of durable_work."""

    client: TaskHubGrpcClient

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def die(self) -> None:
        """Lose every process, as by kill -9, and start again."""
        ...

    def lose_taker(self, start: Callable[[], str]) -> str:
        """Lose whoever took the work of a new instance, and let another one come; gives the instance's id."""
        ...

    def handed_out_at_once(self, limit: int) -> int:
        """Count how many of five activities are under way at once where the limit is lower."""
        ...


class PlainBackend:
    """durabletask's in-memory backend with durabletask's worker."""

    def __init__(self) -> None:
        self._backend: InMemoryOrchestrationBackend = _Plain()
        self._worker: TaskHubGrpcWorker | None = None
        self._dying: threading.Thread | None = None

    def start(self) -> None:
        address = self._backend.start()
        self.client = TaskHubGrpcClient(host_address=address)
        self._start_worker(address)

    def _start_worker(self, address: str) -> None:
        self._worker = TaskHubGrpcWorker(host_address=address)
        for function in ORCHESTRATORS.values():
            self._worker.add_orchestrator(function)
        for function in ACTIVITIES.values():
            self._worker.add_activity(function)
        self._worker.add_entity(tally)
        self._worker.start()  # type: ignore[no-untyped-call]

    def stop(self) -> None:
        self.client.close()
        assert self._worker is not None
        self._worker.stop()  # type: ignore[no-untyped-call]
        self._backend.stop(0)
        if self._dying is not None:
            self._dying.join()

    def lose_taker(self, start: Callable[[], str]) -> str:
        assert self._worker is not None
        self._worker.stop()  # type: ignore[no-untyped-call]
        with grpc.insecure_channel(self.client._host_address) as channel:
            stub = stubs.TaskHubSidecarServiceStub(channel)  # type: ignore[no-untyped-call]
            stream = stub.GetWorkItems(pb.GetWorkItemsRequest())
            instance_id = start()
            next(stream)
            stream.cancel()
        self._start_worker(self.client._host_address)
        return instance_id

    def die(self) -> None:
        # In the background: the worker waits for its activities, which wait for the test.
        self._backend.stop(0)
        assert self._worker is not None
        self._dying = threading.Thread(target=self._worker.stop)
        self._dying.start()
        self.client.close()
        self._backend = _Plain()
        self.start()

    def handed_out_at_once(self, limit: int) -> int:
        assert self._worker is not None
        self._worker.stop()  # type: ignore[no-untyped-call]
        self.client.schedule_new_orchestration("call_many", input=["linger", [1] * 5])
        with grpc.insecure_channel(self.client._host_address) as channel:
            stub = stubs.TaskHubSidecarServiceStub(channel)  # type: ignore[no-untyped-call]
            stream = stub.GetWorkItems(pb.GetWorkItemsRequest(maxConcurrentActivityWorkItems=limit), timeout=2)
            turn = next(stream)
            schedule = pb.ScheduleTaskAction(name="linger")
            actions = [pb.OrchestratorAction(id=number, scheduleTask=schedule) for number in range(1, 6)]
            stub.CompleteOrchestratorTask(
                pb.OrchestratorResponse(
                    instanceId=turn.orchestratorRequest.instanceId,
                    completionToken=turn.completionToken,
                    actions=actions,
                )
            )
            return _count(stream)


def _count(stream: Iterable[pb.WorkItem]) -> int:
    count = 0
    try:
        for _ in stream:
            count += 1
    except grpc.RpcError:
        # The time is up.
        return count
    return count


class _Plain(InMemoryOrchestrationBackend):
    """The backend as it is, but for the machine's sake: on 127.0.0.1, and its 30 s are 1 s."""

    def start(self) -> str:
        server = grpc.server(futures.ThreadPoolExecutor(10))
        stubs.add_TaskHubSidecarServiceServicer_to_server(self, server)  # type: ignore[no-untyped-call]
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        self._server = server
        return f"127.0.0.1:{port}"

    def _wait_for_state(
        self, instance_id: str, predicate: Callable[[OrchestrationInstance], bool], timeout: float | None
    ) -> OrchestrationInstance | None:
        return super()._wait_for_state(instance_id, predicate, timeout or 1.0)


class OurBackend:
    """The local host's engine in a thread, with the SDK's own executor of orchestrators for a worker."""

    def __init__(self, directory: Path, limits: Limits | None = None, versions: VersionRule | None = None) -> None:
        self._directory = directory
        self.limits = limits or Limits()
        self.versions = versions or VersionRule()
        self.concurrency = 50
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self.clock: HostClock

    def start(self) -> None:
        started: futures.Future[str] = futures.Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(started)))
        self._thread.start()
        self.client = TaskHubGrpcClient(host_address=started.result(10))

    async def _run(self, started: "futures.Future[str]") -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        with open_state(self._directory) as connection:
            self.clock = HostClock()
            hub = TaskHub(Store(connection), self.clock, self.limits)
            server, address = await serve(Engine(hub))
            dispatcher = Dispatcher(WorkItems(hub), _Executor(), find_durable_functions(_functions()), self.versions)
            running = asyncio.create_task(dispatcher.run(Concurrency(*[self.concurrency] * 3)))
            started.set_result(address)
            ended = asyncio.create_task(self._end.wait())
            await asyncio.wait([running, ended], return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                await running
            running.cancel()
            await server.stop(None)

    def call[T](self, function: Callable[[], T]) -> T:
        """Run something on the engine's own loop."""

        async def run() -> T:
            return function()

        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def stop(self) -> None:
        self.client.close()
        assert self._loop is not None
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(20)

    def die(self) -> None:
        self.stop()
        self.start()

    def lose_taker(self, start: Callable[[], str]) -> str:
        instance_id = start()
        while not RUNS:
            time.sleep(0.01)
        self.die()
        return instance_id

    def handed_out_at_once(self, limit: int) -> int:
        self.stop()
        self.concurrency = limit
        self.start()
        instance = self.client.schedule_new_orchestration("call_many", input=["linger", [0.1] * 5])
        self.client.wait_for_orchestration_completion(instance, timeout=20)
        return most_at_once()


class _Executor:
    """Runs durable functions as the Functions worker does, in threads of this process."""

    def __init__(self) -> None:
        self._workers: dict[str, DurableFunctionsWorker] = {}
        self._pool = futures.ThreadPoolExecutor(100)

    async def invoke(self, function: Function, inputs: Sequence[Input], *, again: bool) -> Output | None:
        assert again
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, self._run, function.name, function.trigger["type"], inputs[0].value
        )

    def _run(self, name: str, kind: str, value: str) -> Output:
        if kind == "activityTrigger":
            try:
                context = ActivityContext("", 0)
                return Output("json", json.dumps(ACTIVITIES[name](context, json.loads(value))))
            except Exception as error:
                raise InvocationFailed(type(error).__name__, str(error)) from error
        worker = self._workers.setdefault(name, DurableFunctionsWorker())
        if kind == "entityTrigger":
            return Output("string", worker.execute_entity_batch_request(tally, value))
        return Output("string", worker.execute_orchestration_request(ORCHESTRATORS[name], value))


def _functions() -> list[Function]:
    kinds = [
        *((name, "orchestrationTrigger") for name in ORCHESTRATORS),
        *((name, "activityTrigger") for name in ACTIVITIES),
        ("tally", "entityTrigger"),
    ]
    return [Function(name, name, ({"type": kind, "name": "input"},)) for name, kind in kinds]
