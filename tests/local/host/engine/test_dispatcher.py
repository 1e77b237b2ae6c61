"""What becomes of answers that the engine cannot take: they fail the work that they are of, and nobody else's."""

import asyncio
import base64
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from durabletask.internal import helpers
from durabletask.internal import orchestrator_service_pb2 as pb

from local.host.clock import HostClock
from local.host.engine.dispatcher import Concurrency, Dispatcher, find_durable_functions
from local.host.engine.engine import Engine
from local.host.engine.hub import Limits, TaskHub
from local.host.engine.store import Store
from local.host.engine.versions import VersionRule
from local.host.engine.work import WorkItems
from local.host.functions import Function, Input, Output
from local.host.state import open_state

COMPLETE = helpers.new_complete_orchestration_action(1, pb.ORCHESTRATION_STATUS_COMPLETED, '"well"')


def _encode(response: pb.OrchestratorResponse) -> str:
    return base64.b64encode(response.SerializeToString()).decode()


ANSWERS: dict[str, Callable[[], str]] = {
    "well": lambda: _encode(pb.OrchestratorResponse(actions=[COMPLETE])),
    "unknown_action": lambda: _encode(pb.OrchestratorResponse(actions=[pb.OrchestratorAction(id=1)])),
    "no_base64": lambda: "%",
    "no_message": lambda: base64.b64encode(b"no message").decode(),
}
FUNCTIONS = [Function(name, name, ({"type": "orchestrationTrigger", "name": "ctx"},)) for name in ANSWERS]


class Answering:
    """A worker whose orchestrators answer as their names say."""

    async def invoke(self, function: Function, inputs: Sequence[Input], *, again: bool) -> Output | None:
        assert again
        assert inputs
        return Output("string", ANSWERS[function.name]())


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("unknown_action", "AnswerNotTaken"),
        ("no_base64", "AnswerUnreadable"),
        ("no_message", "AnswerUnreadable"),
        ("nothing_of_the_kind", "OrchestratorNotFound"),
    ],
)
def test_an_answer_that_cannot_be_taken(name: str, kind: str, tmp_path: Path) -> None:
    async def run() -> None:
        with open_state(tmp_path) as connection:
            hub = TaskHub(Store(connection), HostClock(), Limits())
            engine = Engine(hub)
            dispatcher = Dispatcher(WorkItems(hub), Answering(), find_durable_functions(FUNCTIONS), VersionRule())
            running = asyncio.create_task(dispatcher.run(Concurrency(1, 1, 1)))
            for each in (name, "well"):
                engine.start(pb.CreateInstanceRequest(instanceId=each, name=each))
            state = await engine.wait(name, until_completed=True, seconds=5)
            assert state is not None
            assert state.failureDetails.errorType == kind
            state = await engine.wait("well", until_completed=True, seconds=5)
            assert state is not None
            assert state.output.value == '"well"'
            running.cancel()

    asyncio.run(run())
