"""Drives an engine step by step with the SDK's own replay; a crash is another engine on the same store."""

import asyncio
import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from azure.durable_functions.worker import DurableFunctionsWorker
from durabletask.internal import helpers
from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf import wrappers_pb2

from local.host.clock import HostClock
from local.host.engine.engine import Engine
from local.host.engine.hub import Limits, TaskHub
from local.host.engine.store import Store
from local.host.engine.work import WorkItems
from local.host.state import open_state
from tests.local.host.engine.durable_work import tally

Kind = Literal["turn", "activity", "entity"]


class Stepper:
    """An engine, and a worker that does what it is told to, when it is told to."""

    def __init__(self, directory: Path, orchestrators: Mapping[str, Callable[..., Any]]) -> None:
        self._directory = directory
        self._orchestrators = orchestrators
        self._workers: dict[str, DurableFunctionsWorker] = {}
        self.clock = HostClock()
        self._open()

    def _open(self) -> None:
        self._state = open_state(self._directory)
        self.connection = self._state.__enter__()
        self.store = Store(self.connection)
        self.hub = TaskHub(self.store, self.clock, Limits())
        self.engine = Engine(self.hub)
        self.items = WorkItems(self.hub)

    def close(self) -> None:
        self._state.__exit__(None, None, None)

    def crash(self) -> None:
        """Lose everything but the store, and the clock with it."""
        self.close()
        self.clock = HostClock()
        self._open()

    def start(self, name: str, instance_id: str, value: Any = None, **more: Any) -> None:
        given = wrappers_pb2.StringValue(value=json.dumps(value))
        self.engine.start(pb.CreateInstanceRequest(name=name, instanceId=instance_id, input=given, **more))

    async def take(self, kind: Kind) -> pb.WorkItem:
        """Take a work item; raises TimeoutError where there is none."""
        take = {
            "turn": self.items.take_turn,
            "activity": self.items.take_activity,
            "entity": self.items.take_entity_batch,
        }[kind]
        async with asyncio.timeout(0.05):
            return await take()

    def replay(self, item: pb.WorkItem) -> pb.OrchestratorResponse:
        """Run a turn, and do not hand it in."""
        request = item.orchestratorRequest
        started = next(
            event.executionStarted
            for event in [*request.newEvents, *request.pastEvents]
            if event.HasField("executionStarted")
        )
        worker = self._workers.setdefault(started.name, DurableFunctionsWorker())
        text = base64.b64encode(request.SerializeToString()).decode()
        answer = worker.execute_orchestration_request(self._orchestrators[started.name], text)
        response = pb.OrchestratorResponse()
        response.ParseFromString(base64.b64decode(answer))
        response.completionToken = item.completionToken
        return response

    async def turn(self) -> None:
        self.items.complete_turn(self.replay(await self.take("turn")))

    async def turns(self, most: int = 10_000) -> int:
        """Run the turns that there are, and count them."""
        for count in range(most):
            try:
                await self.turn()
            except TimeoutError:
                return count
        return most

    async def activity(self, result: Any = None, failure: str | None = None) -> str:
        """Do an activity and give its name."""
        item = await self.take("activity")
        self.answer(item, result, failure)
        name: str = item.activityRequest.name
        return name

    def answer(self, item: pb.WorkItem, result: Any = None, failure: str | None = None) -> None:
        response = pb.ActivityResponse(completionToken=item.completionToken)
        if failure is None:
            response.result.value = json.dumps(result)
        else:
            response.failureDetails.CopyFrom(pb.TaskFailureDetails(errorType="Error", errorMessage=failure))
        self.items.complete_activity(response)

    async def batch(self) -> None:
        item = await self.take("entity")
        request, _ = helpers.convert_to_entity_batch_request(item.entityRequestV2)
        worker = self._workers.setdefault("@tally", DurableFunctionsWorker())
        text = base64.b64encode(request.SerializeToString()).decode()
        result = pb.EntityBatchResult()
        result.ParseFromString(base64.b64decode(worker.execute_entity_batch_request(tally, text)))
        result.completionToken = item.completionToken
        self.items.complete_entity_batch(result)

    async def everything(self) -> None:
        """Do all that there is to do without time passing; activities give 1."""
        steps: list[Callable[[], Any]] = [self.turn, self.batch, lambda: self.activity(1)]
        idle = 0
        while idle < len(steps):
            for step in steps:
                try:
                    await step()
                except TimeoutError:
                    idle += 1
                else:
                    idle = 0

    def status(self, instance_id: str) -> str:
        state = self.engine.get(instance_id)
        assert state is not None
        name: str = pb.OrchestrationStatus.Name(state.orchestrationStatus)
        return name.removeprefix("ORCHESTRATION_STATUS_")
