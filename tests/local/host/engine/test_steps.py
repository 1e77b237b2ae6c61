"""What happens between the steps of an engine: requests, answers and crashes at the worst moments."""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Generator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from durabletask.entities import EntityInstanceId
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.task import OrchestrationContext
from hypothesis import given
from hypothesis import strategies as st

from local.host.engine import events
from local.host.engine.errors import WrongState
from tests.local.host.engine.stepper import Stepper

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:azure.functions df_:DeprecationWarning"),
]
Work = Generator[Any, Any, Any]
KEY = EntityInstanceId("tally", "k")
REPLACE = pb.OrchestrationIdReusePolicy(
    replaceableStatus=[pb.ORCHESTRATION_STATUS_RUNNING, pb.ORCHESTRATION_STATUS_PENDING]
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def stepper(tmp_path: Path) -> Iterator[Stepper]:
    made = Stepper(tmp_path, ORCHESTRATORS)
    yield made
    made.close()


def loop(ctx: OrchestrationContext, number: int) -> Work:
    yield ctx.call_activity("a", input=number)
    ctx.continue_as_new(number + 1)


def spin(ctx: OrchestrationContext, number: int) -> None:
    ctx.continue_as_new(number + 1)


def wait(ctx: OrchestrationContext, _: Any) -> Work:
    return (yield ctx.wait_for_external_event("go"))


def two(ctx: OrchestrationContext, _: Any) -> Work:
    value = yield ctx.call_activity("a", input=1)
    return (yield ctx.call_activity("b", input=value))


def entity_open(ctx: OrchestrationContext, _: Any) -> Work:
    call: Any = ctx.call_entity(KEY, "add", input=1)
    yield ctx.call_activity("a", input=1)
    return (yield call)


def lock(ctx: OrchestrationContext, _: Any) -> Work:
    with (yield ctx.lock_entities([KEY])):
        yield ctx.wait_for_external_event("go")
    return "done"


def lock_then_fail(ctx: OrchestrationContext, _: Any) -> Work:
    with (yield ctx.lock_entities([KEY])):
        yield ctx.call_activity("a", input=1)


def lock_then_go_on(ctx: OrchestrationContext, _: Any) -> Work:
    with (yield ctx.lock_entities([KEY])):
        yield ctx.call_entity(KEY, "get")
    return (yield ctx.call_activity("a", input=1))


def pair(ctx: OrchestrationContext, _: Any) -> Work:
    slow: Any = ctx.call_activity("slow", input=1)
    yield ctx.call_activity("quick", input=1)
    return (yield slow)


def sleep_and_call(ctx: OrchestrationContext, _: Any) -> Work:
    timer: Any = ctx.create_timer(timedelta(seconds=60))
    yield ctx.call_activity("a", input=1)
    yield timer
    return "slept"


def parent(ctx: OrchestrationContext, child: str) -> Work:
    return (yield ctx.call_sub_orchestrator("two", input=0, instance_id=child))


def family(ctx: OrchestrationContext, _: Any) -> Work:
    yield ctx.call_activity("a", input=1)
    return (yield ctx.call_sub_orchestrator("wait", instance_id="child"))


def nest(ctx: OrchestrationContext, depth: int) -> Work:
    if depth == 0:
        return (yield ctx.wait_for_external_event("go"))
    return (yield ctx.call_sub_orchestrator("nest", input=depth - 1, instance_id=f"n{depth - 1}"))


ORCHESTRATORS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        loop,
        spin,
        wait,
        two,
        entity_open,
        lock,
        lock_then_fail,
        lock_then_go_on,
        pair,
        sleep_and_call,
        parent,
        family,
        nest,
    )
}


# --- suspension and termination


async def test_a_resumption_of_what_runs_changes_nothing(stepper: Stepper) -> None:
    stepper.start("wait", "i")
    await stepper.turns()
    stepper.engine.resume("i", None)
    assert await stepper.turns() == 0
    stepper.engine.suspend("i", None)
    await stepper.turns()
    stepper.engine.resume("i", None)
    stepper.engine.resume("i", None)
    stepper.engine.raise_event("i", "go", "1")
    await stepper.turns()
    assert stepper.status("i") == "COMPLETED"


async def test_a_suspension_of_what_is_suspended_changes_nothing(stepper: Stepper) -> None:
    stepper.start("wait", "i")
    await stepper.turns()
    stepper.engine.suspend("i", None)
    await stepper.turns()
    stepper.engine.suspend("i", None)
    stepper.engine.raise_event("i", "other", "1")
    stepper.engine.resume("i", None)
    await stepper.turns()
    assert stepper.status("i") == "RUNNING"


async def test_termination_reaches_a_turn_that_continues_as_new(stepper: Stepper) -> None:
    stepper.start("loop", "i", 0)
    await stepper.turns()
    item = await stepper.take("activity")
    stepper.answer(item, 1)
    stepper.engine.terminate("i", '"enough"', recursive=False)
    await stepper.turns()
    assert stepper.status("i") == "TERMINATED"
    state = stepper.engine.get("i")
    assert state is not None
    assert state.output.value == '"enough"'


async def test_termination_reaches_what_never_waits(stepper: Stepper) -> None:
    stepper.start("spin", "i", 0)
    await stepper.turns(5)
    stepper.engine.terminate("i", None, recursive=False)
    await stepper.turns(50)
    assert stepper.status("i") == "TERMINATED"


async def test_suspension_reaches_a_turn_that_continues_as_new(stepper: Stepper) -> None:
    stepper.start("loop", "i", 0)
    await stepper.turns()
    item = await stepper.take("activity")
    stepper.answer(item, 1)
    stepper.engine.suspend("i", None)
    await stepper.turns()
    assert stepper.status("i") == "SUSPENDED"
    stepper.engine.resume("i", None)
    await stepper.turns()
    assert stepper.status("i") == "RUNNING"


async def test_termination_of_what_is_suspended_runs_nothing_again(stepper: Stepper) -> None:
    stepper.start("two", "i")
    await stepper.turns()
    item = await stepper.take("activity")
    stepper.answer(item, 1)
    stepper.engine.suspend("i", None)
    await stepper.turns()
    assert await stepper.activity(2) == "b"
    stepper.engine.terminate("i", None, recursive=False)
    await stepper.turns()
    assert stepper.status("i") == "TERMINATED"
    with pytest.raises(TimeoutError):
        await stepper.take("activity")


async def test_recursive_termination_takes_a_child_that_begins_meanwhile(stepper: Stepper) -> None:
    stepper.start("family", "p")
    await stepper.turns()
    await stepper.activity(1)
    item = await stepper.take("turn")
    stepper.engine.terminate("p", None, recursive=True)
    stepper.items.complete_turn(stepper.replay(item))
    await stepper.turns()
    assert (stepper.status("p"), stepper.status("child")) == ("TERMINATED", "TERMINATED")


async def test_deep_families_end_and_are_forgotten(stepper: Stepper) -> None:
    stepper.start("nest", "n500", 500)
    await stepper.turns()
    stepper.engine.terminate("n500", None, recursive=True)
    await stepper.turns()
    assert stepper.status("n0") == "TERMINATED"
    assert stepper.engine.purge("n500", recursive=True) == 501


# --- rewind


async def test_a_rewind_gets_what_an_entity_answered_meanwhile(stepper: Stepper) -> None:
    stepper.start("entity_open", "i")
    await stepper.turns()
    await stepper.activity(failure="no")
    await stepper.turns()
    assert stepper.status("i") == "FAILED"
    await stepper.batch()
    stepper.crash()
    stepper.engine.rewind("i", None)
    await stepper.everything()
    assert stepper.status("i") == "COMPLETED"
    entity = stepper.engine.get_entity("@tally@k", state=True)
    assert entity is not None
    assert entity.serializedState.value == "1"


async def test_a_rewind_waits_for_an_entity_that_has_not_answered(stepper: Stepper) -> None:
    stepper.start("entity_open", "i")
    await stepper.turns()
    await stepper.activity(failure="no")
    await stepper.turns()
    stepper.engine.rewind("i", None)
    await stepper.everything()
    assert stepper.status("i") == "COMPLETED"


async def test_what_failed_within_a_critical_section_is_not_rewound(stepper: Stepper) -> None:
    stepper.start("lock_then_fail", "i")
    await stepper.turns()
    await stepper.activity(failure="no")
    await stepper.turns()
    assert stepper.status("i") == "FAILED"
    assert stepper.store.find_entity("@tally@k") is None
    with pytest.raises(WrongState, match="critical section"):
        stepper.engine.rewind("i", None)


async def test_what_failed_after_a_critical_section_is(stepper: Stepper) -> None:
    stepper.start("lock_then_go_on", "i")
    await stepper.turns()
    await stepper.batch()
    await stepper.turns()
    await stepper.activity(failure="no")
    await stepper.turns()
    assert stepper.status("i") == "FAILED"
    stepper.engine.rewind("i", None)
    await stepper.everything()
    assert stepper.status("i") == "COMPLETED"


@pytest.mark.parametrize("asked_first", [True, False])
async def test_a_rewind_does_not_run_again_what_completed_meanwhile(stepper: Stepper, asked_first: bool) -> None:
    stepper.start("pair", "i")
    await stepper.turns()
    slow = await stepper.take("activity")
    await stepper.activity(failure="no")
    await stepper.turns()
    assert stepper.status("i") == "FAILED"
    if asked_first:
        stepper.engine.rewind("i", None)
        stepper.answer(slow, "slow")
    else:
        stepper.answer(slow, "slow")
        stepper.engine.rewind("i", None)
    await stepper.turns()
    assert await stepper.activity(1) == "quick"
    await stepper.everything()
    assert stepper.status("i") == "COMPLETED"
    with pytest.raises(TimeoutError):
        await stepper.take("activity")


async def test_a_rewind_does_again_what_failed_meanwhile(stepper: Stepper) -> None:
    stepper.start("pair", "i")
    await stepper.turns()
    slow = await stepper.take("activity")
    await stepper.activity(failure="no")
    await stepper.turns()
    stepper.answer(slow, failure="no, too")
    stepper.engine.rewind("i", None)
    await stepper.everything()
    assert stepper.status("i") == "COMPLETED"


async def test_a_rewound_timer_fires_once(stepper: Stepper) -> None:
    stepper.start("sleep_and_call", "i")
    await stepper.turns()
    await stepper.activity(failure="no")
    await stepper.turns()
    stepper.engine.rewind("i", None)
    stepper.engine.raise_event("i", "nothing", None)
    await stepper.everything()
    assert stepper.status("i") == "RUNNING"
    stepper.clock.change(advance_seconds=61)
    alarms = asyncio.create_task(stepper.items.run_alarms())
    await asyncio.sleep(0.02)
    alarms.cancel()
    await stepper.everything()
    assert stepper.status("i") == "COMPLETED"
    assert stepper.store.next_alarm() is None


async def test_a_rewind_does_not_take_another_parents_child(stepper: Stepper) -> None:
    stepper.start("parent", "first", "child")
    await stepper.turns()
    await stepper.activity(failure="no")
    await stepper.turns()
    assert stepper.status("first") == stepper.status("child") == "FAILED"
    stepper.start("parent", "second", "child")
    await stepper.turns()
    stepper.engine.rewind("first", None)
    await stepper.everything()
    assert stepper.status("second") == "COMPLETED"
    assert stepper.status("first") == "FAILED"


# --- locks


async def test_who_replaces_the_holder_of_a_lock_can_get_it(stepper: Stepper) -> None:
    stepper.start("lock", "i")
    await stepper.turns()
    stepper.start("lock", "i", orchestrationIdReusePolicy=REPLACE)
    await stepper.turns()
    stepper.engine.raise_event("i", "go", "1")
    await stepper.everything()
    assert stepper.status("i") == "COMPLETED"


async def test_many_who_wait_for_a_lock_no_more(stepper: Stepper) -> None:
    names = [f"w{number}" for number in range(1200)]
    for name in ["holder", *names]:
        stepper.start("lock", name)
    await stepper.turns()
    for name in names:
        stepper.engine.terminate(name, None, recursive=False)
    await stepper.turns()
    stepper.engine.raise_event("holder", "go", "1")
    await stepper.turns()
    assert stepper.status("holder") == "COMPLETED"
    assert stepper.store.count_operations("@tally@k") == 0


async def test_an_entity_that_answers_nothing_fails_its_callers(stepper: Stepper) -> None:
    stepper.start("entity_open", "i")
    await stepper.turns()
    item = await stepper.take("entity")
    stepper.items.complete_entity_batch(pb.EntityBatchResult(completionToken=item.completionToken))
    await stepper.everything()
    assert stepper.status("i") == "FAILED"
    with pytest.raises(TimeoutError):
        await stepper.take("entity")


# --- replacement, starts, waiters


async def test_a_turn_and_an_activity_of_what_was_replaced_change_nothing(stepper: Stepper) -> None:
    stepper.start("two", "i")
    await stepper.turns()
    old = await stepper.take("activity")
    stepper.engine.raise_event("i", "x", "1")
    item = await stepper.take("turn")
    stepper.start("two", "i", orchestrationIdReusePolicy=REPLACE)
    stepper.answer(old, 7)
    stepper.items.complete_turn(stepper.replay(item))
    await stepper.turns()
    new = await stepper.take("activity")
    assert new.activityRequest.name == "a"
    stepper.answer(new, 1)
    stepper.answer(new, 1)
    await stepper.turns()
    await stepper.activity(5)
    await stepper.turns()
    state = stepper.engine.get("i")
    assert state is not None
    assert json.loads(state.output.value) == 5


async def test_a_start_that_was_due_is_not_lost_with_the_clock(stepper: Stepper) -> None:
    begins = events.timestamp(stepper.clock.now() + 3600)
    stepper.start("two", "i", scheduledStartTimestamp=begins)
    assert await stepper.turns() == 0
    stepper.clock.change(advance_seconds=3601)
    alarms = asyncio.create_task(stepper.items.run_alarms())
    await stepper.take("turn")
    alarms.cancel()
    stepper.crash()
    assert await stepper.turns() == 1


async def test_what_is_to_begin_later_keeps_what_comes_before(stepper: Stepper) -> None:
    begins = events.timestamp(stepper.clock.now() + 3600)
    for name in "abc":
        stepper.start("wait", name, scheduledStartTimestamp=begins)
    stepper.engine.raise_event("a", "go", "1")
    stepper.engine.suspend("b", None)
    stepper.engine.terminate("c", None, recursive=True)
    stepper.crash()
    assert await stepper.turns() == 0
    stepper.clock.change(advance_seconds=3601)
    alarms = asyncio.create_task(stepper.items.run_alarms())
    await stepper.turns()
    alarms.cancel()
    assert [stepper.status(name) for name in "abc"] == ["COMPLETED", "SUSPENDED", "TERMINATED"]


async def test_what_comes_for_a_turn_that_is_left_makes_another(stepper: Stepper) -> None:
    stepper.start("two", "i")
    item = await stepper.take("turn")
    stepper.items.leave_turn(item.completionToken)
    assert await stepper.turns() == 0
    stepper.engine.raise_event("i", "x", "1")
    item = await stepper.take("turn")
    stepper.engine.raise_event("i", "y", "1")
    stepper.items.leave_turn(item.completionToken)
    item = await stepper.take("turn")
    stepper.start("two", "i", orchestrationIdReusePolicy=REPLACE)
    stepper.items.leave_turn(item.completionToken)
    assert await stepper.turns() == 1


async def test_who_stops_waiting_for_work_takes_none_along(stepper: Stepper) -> None:
    for number in range(20):
        takers = [asyncio.create_task(stepper.items.take_turn()) for _ in range(3)]
        await asyncio.sleep(0)
        stepper.start("two", f"i{number}")
        takers[number % 3].cancel()
        await asyncio.wait(takers, timeout=0.02)
        got = [taker.result() for taker in takers if taker.done() and not taker.cancelled()]
        for taker in takers:
            taker.cancel()
        item = got[0] if got else await stepper.take("turn")
        assert item.orchestratorRequest.instanceId == f"i{number}"


async def test_many_wait_for_an_end_or_for_nothing(stepper: Stepper) -> None:
    stepper.start("wait", "i")
    await stepper.turns()
    waiting = [asyncio.create_task(stepper.engine.wait("i", until_completed=True, seconds=5)) for _ in range(2000)]
    await asyncio.sleep(0)
    stepper.engine.raise_event("i", "go", "1")
    await stepper.turns()
    states = await asyncio.gather(*waiting)
    assert {state.orchestrationStatus for state in states if state} == {pb.ORCHESTRATION_STATUS_COMPLETED}
    assert await stepper.engine.wait("nobody", until_completed=True, seconds=5) is None


async def test_a_full_disk_loses_a_request_and_nothing_else(stepper: Stepper) -> None:
    stepper.start("wait", "i")
    await stepper.turns()
    (pages,) = stepper.connection.execute("PRAGMA page_count").fetchone()
    stepper.connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        stepper.engine.raise_event("i", "x", json.dumps("1" * 50_000))
    stepper.connection.execute("PRAGMA max_page_count = 1000000")
    stepper.engine.raise_event("i", "go", "1")
    await stepper.turns()
    assert stepper.status("i") == "COMPLETED"


@given(st.integers(min_value=0, max_value=4_000_000_000_000_000))
def test_times_are_kept_to_the_microsecond(microseconds: int) -> None:
    moment = events.timestamp(0)
    moment.FromMicroseconds(microseconds)
    assert events.timestamp(events.seconds(moment)) == moment
