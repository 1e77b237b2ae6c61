"""Orchestrators, activities and an entity that the tests of the engine run on both backends."""

import os
import threading
from collections.abc import Callable, Generator
from datetime import timedelta
from typing import Any, Final

from durabletask import task
from durabletask.entities import EntityContext, EntityInstanceId
from durabletask.task import ActivityContext, OrchestrationContext

Work = Generator[Any, Any, Any]
ORCHESTRATORS: Final[dict[str, Callable[..., Any]]] = {}
ACTIVITIES: Final[dict[str, Callable[..., Any]]] = {}
GATES: Final[dict[str, threading.Event]] = {}
RUNS: Final[list[str]] = []
_UNDER_WAY: Final[list[int]] = []
_COUNTS: Final[list[int]] = []
_counting = threading.Lock()


def orchestrator[F: Callable[..., Any]](function: F) -> F:
    ORCHESTRATORS[function.__name__] = function
    return function


def activity[F: Callable[..., Any]](function: F) -> F:
    ACTIVITIES[function.__name__] = function
    return function


def gate(name: str) -> threading.Event:
    """What holds an activity until a test opens it."""
    return GATES.setdefault(name, threading.Event())


def most_at_once() -> int:
    return max(_COUNTS)


def forget() -> None:
    for each in (GATES, RUNS, _COUNTS):
        each.clear()


# --- activities


@activity
def double(_: ActivityContext, number: int) -> int:
    RUNS.append(f"double {number}")
    return number * 2


@activity
def fail(_: ActivityContext, text: str) -> None:
    RUNS.append(f"fail {text}")
    raise ValueError(text)


@activity
def fail_until_open(_: ActivityContext, name: str) -> str:
    RUNS.append(f"fail_until_open {name}")
    if not gate(name).is_set():
        raise ValueError(name)
    return name


@activity
def fail_oddly(_: ActivityContext, __: None) -> None:
    """A file's name as Python has it where it is not UTF-8."""
    raise FileNotFoundError(os.fsdecode(b"caf\xe9"))


@activity
def wait_for(_: ActivityContext, name: str) -> str:
    RUNS.append(f"wait_for {name}")
    assert gate(name).wait(30)
    return name


@activity
def linger(_: ActivityContext, seconds: float) -> None:
    with _counting:
        _UNDER_WAY.append(1)
        _COUNTS.append(len(_UNDER_WAY))
    threading.Event().wait(seconds)
    with _counting:
        _UNDER_WAY.pop()


# --- orchestrators


@orchestrator
def call(ctx: OrchestrationContext, work: list[Any]) -> Work:
    name, value = work
    try:
        return (yield ctx.call_activity(name, input=value))
    except task.TaskFailedError as error:
        return f"{error.details.error_type}: {error.details.message}"


@orchestrator
def call_bare(ctx: OrchestrationContext, work: list[Any]) -> Work:
    """Fails with its activity."""
    name, value = work
    return (yield ctx.call_activity(name, input=value))


@orchestrator
def call_many(ctx: OrchestrationContext, work: list[Any]) -> Work:
    name, values = work
    return (yield task.when_all([ctx.call_activity(name, input=value) for value in values]))


@orchestrator
def race(ctx: OrchestrationContext, names: list[str]) -> Work:
    """Fails with the second while the first and a timer are still under way."""
    first: task.Task[str] = ctx.call_activity("wait_for", input=names[0])
    timer = ctx.create_timer(timedelta(seconds=0.3))
    second = yield ctx.call_activity("fail_until_open", input=names[1])
    results = yield task.when_all([first, timer])
    return [results[0], second, "slept"]


@orchestrator
def sleep(ctx: OrchestrationContext, seconds: float) -> Work:
    yield ctx.create_timer(timedelta(seconds=seconds))
    return "slept"


@orchestrator
def abandon_timer(ctx: OrchestrationContext, generation: int) -> Work:
    """The first generation leaves a short timer behind; the second waits for a longer one of the same number."""
    if generation == 2:
        yield ctx.create_timer(timedelta(seconds=1.2))
        return "slept"
    ctx.create_timer(timedelta(seconds=0.4))
    yield ctx.call_activity("double", input=1)
    ctx.continue_as_new(2)
    return None


@orchestrator
def wait_event(ctx: OrchestrationContext, name: str) -> Work:
    return (yield ctx.wait_for_external_event(name))


@orchestrator
def parent(ctx: OrchestrationContext, work: list[Any]) -> Work:
    name, value, child_id = work
    try:
        return (yield ctx.call_sub_orchestrator(name, input=value, instance_id=child_id))
    except task.TaskFailedError as error:
        return f"{error.details.error_type}: {error.details.message}"


@orchestrator
def parent_bare(ctx: OrchestrationContext, work: list[Any]) -> Work:
    name, value, child_id = work
    return (yield ctx.call_sub_orchestrator(name, input=value, instance_id=child_id))


@orchestrator
def say(ctx: OrchestrationContext, length: int) -> str:
    ctx.set_custom_status("x" * length)
    return "said"


@orchestrator
def count_down(ctx: OrchestrationContext, number: int) -> Work:
    yield ctx.call_activity("double", input=number)
    if number:
        ctx.continue_as_new(number - 1)
        return None
    return "lift-off"


@orchestrator
def collect(ctx: OrchestrationContext, wanted: int) -> Work:
    items: list[Any] = []
    while len(items) < wanted:
        item = yield ctx.wait_for_external_event("item")
        items.append(item)
    return items


@orchestrator
def add_to(ctx: OrchestrationContext, work: list[Any]) -> Work:
    key, number = work
    return (yield ctx.call_entity(EntityInstanceId("tally", key), "add", input=number))


@orchestrator
def add_wrongly(ctx: OrchestrationContext, key: str) -> Work:
    try:
        yield ctx.call_entity(EntityInstanceId("tally", key), "break")
    except Exception as error:  # noqa: BLE001 - what comes is what the test asks for
        return f"{type(error).__name__}: {error}"


class _AnyId(EntityInstanceId):
    """An id that says what it is told to."""

    def __init__(self, entity_id: str) -> None:
        super().__init__("tally", "n")
        self._entity_id = entity_id

    def __str__(self) -> str:
        return self._entity_id


@orchestrator
def call_entity_id(ctx: OrchestrationContext, entity_id: str) -> Work:
    try:
        yield ctx.call_entity(_AnyId(entity_id), "get")
    except task.TaskFailedError as error:
        return str(error)


@orchestrator
def move(ctx: OrchestrationContext, work: list[Any]) -> Work:
    """Take from one entity and give to the other while nobody else can."""
    source, target, number, pause = work
    ids = [EntityInstanceId("tally", source), EntityInstanceId("tally", target)]
    with (yield ctx.lock_entities(ids)):
        before = yield ctx.call_entity(ids[0], "get")
        if pause:
            yield ctx.create_timer(timedelta(seconds=pause))
        if before >= number:
            yield ctx.call_entity(ids[0], "add", input=-number)
            yield ctx.call_entity(ids[1], "add", input=number)
            return "moved"
    return "too little"


def tally(ctx: EntityContext, value: Any) -> Any:
    """A number under a name."""
    state = ctx.get_state(int, 0) or 0
    match ctx.operation:
        case "add":
            ctx.set_state(state + value)
            return state + value
        case "get":
            return state
        case "delete":
            ctx.set_state(None)
            return None
        case "announce":
            ctx.signal_entity(EntityInstanceId("tally", value), "add", 1)
            return ctx.schedule_new_orchestration("call", input=["double", 4], instance_id=f"of-{value}")
    raise ValueError(ctx.operation)
