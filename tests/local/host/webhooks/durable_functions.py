"""Durable functions to manage, and a worker that runs them in this process with the SDK's own executor."""

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from azure.durable_functions.worker import DurableFunctionsWorker
from durabletask.entities import EntityContext, EntityInstanceId
from durabletask.task import OrchestrationContext

from local.host.functions import Function, Input, InvocationFailed, Output

Steps = Generator[Any, Any, Any]


class Weather:
    """What the activity `deliver` finds outside."""

    fair = False


def hello(ctx: OrchestrationContext, name: str) -> Steps:
    greeting = yield ctx.call_activity("greet", input=name, return_type=str)
    return greeting


def story(ctx: OrchestrationContext, name: str) -> Steps:
    greeting = yield ctx.call_activity("greet", input=name, return_type=str)
    answer = yield ctx.call_sub_orchestrator("hello", input="child", return_type=str)
    yield ctx.create_timer(timedelta(milliseconds=1))
    return [greeting, answer]


def wait_for_approval(ctx: OrchestrationContext, given: object) -> Steps:  # noqa: ARG001 - the engine's signature
    ctx.set_custom_status({"waits for": "approval"})
    approval = yield ctx.wait_for_external_event("approval", data_type=object)
    return {"approval": approval}


def call_other(ctx: OrchestrationContext, instance_id: str) -> Steps:
    answer = yield ctx.call_sub_orchestrator(
        "wait_for_approval", input="for the caller", instance_id=instance_id, return_type=dict
    )
    return answer


def count(ctx: OrchestrationContext, key: str) -> Steps:
    total = yield ctx.call_entity(EntityInstanceId("counter", key), "add", input=2, return_type=int)
    return total


def delivery(ctx: OrchestrationContext, parcel: str) -> Steps:
    delivered = yield ctx.call_activity("deliver", input=parcel, return_type=str)
    return delivered


def tell_version(ctx: OrchestrationContext, given: object) -> str | None:  # noqa: ARG001 - the engine's signature
    return ctx.version


def echo(ctx: OrchestrationContext, given: object) -> object:  # noqa: ARG001 - the engine's signature
    return given


def counter(ctx: EntityContext, given: object) -> int | None:
    if ctx.operation == "add":
        assert isinstance(given, int)
        total = ctx.get_state(int, 0) + given
        ctx.set_state(total)
        return total
    if ctx.operation == "write":
        ctx.set_state(given)
    elif ctx.operation == "delete":
        ctx.set_state(None)
    return None


def greet(name: str) -> str:
    return f"Hello {name}!"


def deliver(parcel: str) -> str:
    if not Weather.fair:
        message = f"{parcel} is lost in the storm"
        raise RuntimeError(message)
    return parcel


ORCHESTRATORS: Mapping[str, Callable[..., Any]] = {
    each.__name__: each for each in (hello, story, wait_for_approval, call_other, count, delivery, tell_version, echo)
}
ACTIVITIES: Mapping[str, Callable[[Any], Any]] = {each.__name__: each for each in (greet, deliver)}
ENTITIES: Mapping[str, Callable[..., Any]] = {"Counter": counter}


def _declare(names: Mapping[str, Any], trigger: str) -> list[Function]:
    return [Function(name, name, ({"type": trigger, "name": "input"},)) for name in names]


FUNCTIONS: Sequence[Function] = [
    *_declare(ORCHESTRATORS, "orchestrationTrigger"),
    *_declare(ACTIVITIES, "activityTrigger"),
    *_declare(ENTITIES, "entityTrigger"),
]


class WorkerInProcess:
    """Runs the functions as a worker does, in the caller's thread."""

    def __init__(self) -> None:
        self._worker = DurableFunctionsWorker()

    async def invoke(self, function: Function, inputs: Sequence[Input], *, again: bool) -> Output | None:  # noqa: ARG002
        given = inputs[0].value
        if function.name in ORCHESTRATORS:
            return Output(
                "string", self._worker.execute_orchestration_request(ORCHESTRATORS[function.name], str(given))
            )
        if function.name in ENTITIES:
            return Output("string", self._worker.execute_entity_batch_request(ENTITIES[function.name], str(given)))
        try:
            return Output("json", json.dumps(ACTIVITIES[function.name](json.loads(given))))
        except RuntimeError as error:
            raise InvocationFailed("RuntimeError", str(error), "a stack") from None
