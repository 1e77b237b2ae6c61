"""What the engine does beyond the plain backend's defects; over gRPC, with durabletask's own replay."""

import time
from collections.abc import Callable
from concurrent import futures
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from durabletask.client import OrchestrationQuery, OrchestrationState, OrchestrationStatus
from durabletask.entities import EntityInstanceId
from durabletask.internal import orchestrator_service_pb2 as pb

from local.host.engine.hub import Limits
from local.host.engine.versions import VersionRule
from tests.local.host.engine.backends import OurBackend
from tests.local.host.engine.durable_work import RUNS, gate

pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_:DeprecationWarning")


def start(ours: OurBackend, orchestrator: str, value: Any, instance_id: str | None = None, **more: Any) -> str:
    return ours.client.schedule_new_orchestration(orchestrator, input=value, instance_id=instance_id, **more)


def end_of(ours: OurBackend, instance_id: str, seconds: int = 10) -> OrchestrationState:
    state = ours.client.wait_for_orchestration_completion(instance_id, timeout=seconds)
    assert state is not None
    return state


def output_of(ours: OurBackend, instance_id: str) -> Any:
    state = end_of(ours, instance_id)
    assert state.runtime_status == OrchestrationStatus.COMPLETED, state
    return state.get_output()


def await_that(condition: Callable[[], bool], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def status_of(ours: OurBackend, instance_id: str) -> OrchestrationStatus | None:
    state = ours.client.get_orchestration_state(instance_id)
    return state.runtime_status if state else None


def refusal(call: Callable[[], Any]) -> tuple[Any, str]:
    with pytest.raises(grpc.RpcError) as refused:
        call()
    return refused.value.code(), refused.value.details()


# --- generations


def test_generations_end_and_get_what_was_sent_meanwhile(ours: OurBackend) -> None:
    assert output_of(ours, start(ours, "count_down", 3)) == "lift-off"
    assert RUNS == ["double 3", "double 2", "double 1", "double 0"]
    instance = start(ours, "collect", 3)
    for item in "abc":
        ours.client.raise_orchestration_event(instance, "item", data=item)
    assert output_of(ours, instance) == ["a", "b", "c"]


def test_a_running_id_is_refused(ours: OurBackend) -> None:
    start(ours, "sleep", 30, "taken")
    await_that(lambda: status_of(ours, "taken") == OrchestrationStatus.RUNNING)
    code, text = refusal(lambda: start(ours, "sleep", 30, "taken"))
    assert (code, text) == (
        grpc.StatusCode.ALREADY_EXISTS,
        "An Orchestration instance with the status Running already exists.",
    )


@pytest.mark.parametrize("wrong", ["a/b", "a\\b", "a#b", "a?b", "@a", "a\n", "x" * 101])
def test_ids_are_checked(ours: OurBackend, wrong: str) -> None:
    assert refusal(lambda: start(ours, "sleep", 30, wrong))[0] == grpc.StatusCode.INVALID_ARGUMENT


def test_a_reuse_policy_names_exactly_what_is_replaced(ours: OurBackend) -> None:
    end_of(ours, start(ours, "call_bare", ["fail", "no"], "one"))
    completed = pb.OrchestrationIdReusePolicy(replaceableStatus=[pb.ORCHESTRATION_STATUS_COMPLETED])
    assert refusal(lambda: start(ours, "call", ["double", 1], "one", reuse_id_policy=completed))[0] == (
        grpc.StatusCode.ALREADY_EXISTS
    )
    failed = pb.OrchestrationIdReusePolicy(replaceableStatus=[pb.ORCHESTRATION_STATUS_FAILED])
    start(ours, "call", ["double", 1], "one", reuse_id_policy=failed)
    assert output_of(ours, "one") == 2
    start(ours, "sleep", 30, "two")
    running = [pb.ORCHESTRATION_STATUS_RUNNING, pb.ORCHESTRATION_STATUS_PENDING]
    replace = pb.OrchestrationIdReusePolicy(replaceableStatus=running)
    start(ours, "call", ["double", 2], "two", reuse_id_policy=replace)
    assert output_of(ours, "two") == 4


def test_an_error_text_that_utf8_cannot_hold_is_told_and_stops_nobody(ours: OurBackend) -> None:
    assert output_of(ours, start(ours, "call", ["fail_oddly", None])) == "FileNotFoundError: caf\\udce9"
    assert output_of(ours, start(ours, "call", ["double", 2])) == 4


# --- suspension, termination, restart


def test_suspended_instances_take_nothing_until_they_are_resumed(ours: OurBackend) -> None:
    instance = start(ours, "collect", 2)
    await_that(lambda: status_of(ours, instance) == OrchestrationStatus.RUNNING)
    ours.client.suspend_orchestration(instance)
    await_that(lambda: status_of(ours, instance) == OrchestrationStatus.SUSPENDED)
    ours.client.raise_orchestration_event(instance, "item", data=1)
    ours.client.raise_orchestration_event(instance, "item", data=2)
    time.sleep(0.3)
    assert status_of(ours, instance) == OrchestrationStatus.SUSPENDED
    ours.client.resume_orchestration(instance)
    assert output_of(ours, instance) == [1, 2]


def test_a_suspended_instance_can_be_terminated(ours: OurBackend) -> None:
    instance = start(ours, "collect", 2)
    await_that(lambda: status_of(ours, instance) == OrchestrationStatus.RUNNING)
    ours.client.suspend_orchestration(instance)
    await_that(lambda: status_of(ours, instance) == OrchestrationStatus.SUSPENDED)
    ours.client.terminate_orchestration(instance, output="enough")
    state = end_of(ours, instance)
    assert (state.runtime_status, state.get_output()) == (OrchestrationStatus.TERMINATED, "enough")


def test_termination_leaves_children_alone_and_the_parent_hears_of_a_childs(ours: OurBackend) -> None:
    start(ours, "parent", ["sleep", 1.0, "child"], "parent")
    await_that(lambda: status_of(ours, "child") is not None)
    ours.client.terminate_orchestration("parent", recursive=False)
    assert end_of(ours, "parent").runtime_status == OrchestrationStatus.TERMINATED
    assert output_of(ours, "child") == "slept"
    other = start(ours, "parent", ["sleep", 30, "other child"])
    await_that(lambda: status_of(ours, "other child") is not None)
    ours.client.terminate_orchestration("other child")
    assert output_of(ours, other).startswith("OrchestrationTerminated")


def test_what_was_to_begin_later_can_be_terminated_before(ours: OurBackend) -> None:
    instance = start(ours, "call", ["double", 1], start_at=datetime.now(UTC) + timedelta(hours=1))
    ours.client.raise_orchestration_event(instance, "early")
    ours.client.terminate_orchestration(instance)
    assert end_of(ours, instance).runtime_status == OrchestrationStatus.TERMINATED
    assert RUNS == []


def test_restart_runs_the_same_input_again(ours: OurBackend) -> None:
    instance = start(ours, "call", ["double", 5])
    assert output_of(ours, instance) == 10
    other = ours.client.restart_orchestration(instance, restart_with_new_instance_id=True)
    assert other != instance
    assert output_of(ours, other) == 10
    assert ours.client.restart_orchestration(instance) == instance
    assert output_of(ours, instance) == 10
    assert RUNS == ["double 5"] * 3
    running = start(ours, "sleep", 30)
    assert refusal(lambda: ours.client.restart_orchestration(running))[0] == grpc.StatusCode.FAILED_PRECONDITION


# --- rewind


def test_rewind_runs_what_failed_again_and_nothing_else(ours: OurBackend) -> None:
    instance = start(ours, "call_many", ["fail_until_open", ["a", "b"]])
    assert end_of(ours, instance).runtime_status == OrchestrationStatus.FAILED
    await_that(lambda: len(RUNS) == 2)
    gate("a").set()
    gate("b").set()
    time.sleep(0.2)
    ours.client.rewind_orchestration(instance, reason="mended")
    assert output_of(ours, instance) == ["a", "b"]


def test_rewind_waits_for_what_was_under_way_when_it_failed(ours: OurBackend) -> None:
    """An activity that was running goes on for the rewound instance; one whose result was dropped runs again."""
    gate("b").set()
    instance = start(ours, "race", ["slow", "a"])
    assert end_of(ours, instance).runtime_status == OrchestrationStatus.FAILED
    gate("a").set()
    ours.client.rewind_orchestration(instance)
    time.sleep(0.3)
    gate("slow").set()
    assert output_of(ours, instance) == ["slow", "a", "slept"]
    assert RUNS.count("wait_for slow") == 1


def test_rewind_after_the_rest_has_ended(ours: OurBackend) -> None:
    instance = start(ours, "race", ["slow", "a"])
    assert end_of(ours, instance).runtime_status == OrchestrationStatus.FAILED
    gate("slow").set()
    time.sleep(0.5)
    gate("a").set()
    ours.client.rewind_orchestration(instance)
    assert output_of(ours, instance) == ["slow", "a", "slept"]


def test_rewind_takes_failed_children_along(ours: OurBackend) -> None:
    instance = start(ours, "parent_bare", ["call_bare", ["fail_until_open", "c"], "child"])
    assert end_of(ours, instance).runtime_status == OrchestrationStatus.FAILED
    gate("c").set()
    ours.client.rewind_orchestration(instance)
    assert output_of(ours, instance) == "c"
    assert output_of(ours, "child") == "c"


def test_only_what_failed_is_rewound(ours: OurBackend) -> None:
    instance = start(ours, "call", ["double", 1])
    end_of(ours, instance)
    assert refusal(lambda: ours.client.rewind_orchestration(instance))[0] == grpc.StatusCode.FAILED_PRECONDITION


# --- entities


def tally(key: str) -> EntityInstanceId:
    return EntityInstanceId("tally", key)


def test_entities_are_signalled_called_and_read(ours: OurBackend) -> None:
    for _ in range(3):
        ours.client.signal_entity(tally("n"), "add", input=2)
    assert output_of(ours, start(ours, "add_to", ["n", 4])) == 10
    entity = ours.client.get_entity(tally("n"))
    assert entity is not None
    assert entity.get_state(int) == 10
    assert "failed with error: break" in output_of(ours, start(ours, "add_wrongly", "n"))
    ours.client.signal_entity(tally("n"), "delete")
    await_that(lambda: ours.client.get_entity(tally("n")) is None)


def test_an_entity_without_a_key_or_a_function_answers_with_an_error(ours: OurBackend) -> None:
    request = pb.SignalEntityRequest(instanceId="@tally@", name="add")
    assert refusal(lambda: ours.client._stub.SignalEntity(request))[0] == grpc.StatusCode.INVALID_ARGUMENT
    assert "The app has no entity" in output_of(ours, start(ours, "call_entity_id", "@nobody@n"))
    assert end_of(ours, start(ours, "call_entity_id", "@tally@a@b")).runtime_status == OrchestrationStatus.FAILED
    assert output_of(ours, start(ours, "add_to", ["n", 1])) == 1


def test_entities_set_off_other_work(ours: OurBackend) -> None:
    ours.client.signal_entity(tally("herald"), "announce", input="heard")
    await_that(lambda: ours.client.get_entity(tally("heard")) is not None)
    await_that(lambda: status_of(ours, "of-heard") == OrchestrationStatus.COMPLETED)


def test_signals_can_wait_for_their_time_and_outlive_the_host(ours: OurBackend) -> None:
    ours.client.signal_entity(tally("later"), "add", input=1, signal_time=datetime.now(UTC) + timedelta(seconds=0.8))
    ours.die()
    time.sleep(0.2)
    assert ours.client.get_entity(tally("later")) is None
    await_that(lambda: ours.client.get_entity(tally("later")) is not None)


def test_locks_let_nobody_between(ours: OurBackend) -> None:
    ours.client.signal_entity(tally("a"), "add", input=10)
    ours.client.signal_entity(tally("b"), "add", input=10)
    there = [start(ours, "move", ["a", "b", 1, 0.02]) for _ in range(6)]
    back = [start(ours, "move", ["b", "a", 2, 0.02]) for _ in range(6)]
    assert {output_of(ours, each) for each in [*there, *back]} == {"moved"}
    numbers = {key: ours.client.get_entity(tally(key)).get_state(int) for key in "ab"}  # type: ignore[union-attr]
    assert numbers == {"a": 16, "b": 4}


def test_who_does_not_hold_the_lock_waits(ours: OurBackend) -> None:
    ours.client.signal_entity(tally("c"), "add", input=1)
    mover = start(ours, "move", ["c", "d", 1, 0.8])
    await_that(lambda: _locked(ours, "c"))
    other = start(ours, "add_to", ["c", 100])
    time.sleep(0.3)
    assert status_of(ours, other) == OrchestrationStatus.RUNNING
    assert output_of(ours, mover) == "moved"
    assert output_of(ours, other) == 100


def test_a_lock_is_given_back_by_who_ends_with_it(ours: OurBackend) -> None:
    ours.client.signal_entity(tally("e"), "add", input=1)
    mover = start(ours, "move", ["e", "f", 1, 30])
    await_that(lambda: _locked(ours, "e"))
    waiting = start(ours, "move", ["e", "f", 1, 0])
    ours.die()
    ours.client.terminate_orchestration(mover)
    assert output_of(ours, waiting) == "moved"


def _locked(ours: OurBackend, key: str) -> bool:
    entity = ours.client.get_entity(tally(key))
    # The SDK's get_locked_by takes the orchestration that holds the lock for an entity.
    return entity is not None and entity._locked_by is not None


def test_a_batch_has_a_limit(tmp_path: Path) -> None:
    ours = OurBackend(tmp_path, Limits(entity_batch=2))
    ours.start()
    for _ in range(7):
        ours.client.signal_entity(tally("n"), "add", input=1)
    assert output_of(ours, start(ours, "add_to", ["n", 1])) == 8
    ours.stop()


# --- reading and forgetting


def test_instances_are_listed_by_filter_and_in_pages(ours: OurBackend) -> None:
    for number in range(5):
        end_of(ours, start(ours, "call", ["double", number], f"page-{number}"))
    start(ours, "sleep", 30, "page-running")
    start(ours, "sleep", 30, "other")
    ours.client.raise_orchestration_event("other", "nothing")
    query = OrchestrationQuery(runtime_status=[OrchestrationStatus.COMPLETED], max_instance_count=2)
    assert [each.instance_id for each in ours.client.get_all_orchestration_states(query)] == [
        f"page-{number}" for number in range(5)
    ]
    request = pb.QueryInstancesRequest(query=pb.InstanceQuery(maxInstanceCount=4))
    request.query.instanceIdPrefix.value = "page-"
    first = ours.client._stub.QueryInstances(request)
    request.query.continuationToken.CopyFrom(first.continuationToken)
    second = ours.client._stub.QueryInstances(request)
    ids = [[state.instanceId for state in page.orchestrationState] for page in (first, second)]
    assert ids == [[f"page-{number}" for number in range(4)], ["page-4", "page-running"]]
    assert not second.HasField("continuationToken")
    for token in ("nonsense", "bnVsbA==", "WzFd"):
        request.query.continuationToken.value = token
        assert refusal(lambda: ours.client._stub.QueryInstances(request))[0] == grpc.StatusCode.INVALID_ARGUMENT


def test_ended_instances_are_named_in_the_order_of_their_ends(ours: OurBackend) -> None:
    for name in ("b", "a", "c"):
        end_of(ours, start(ours, "call", ["double", 1], name))
    start(ours, "sleep", 30, "running")
    first = ours.client._stub.ListInstanceIds(pb.ListInstanceIdsRequest(pageSize=2))
    request = pb.ListInstanceIdsRequest(pageSize=2, lastInstanceKey=first.lastInstanceKey)
    second = ours.client._stub.ListInstanceIds(request)
    assert (list(first.instanceIds), list(second.instanceIds)) == (["b", "a"], ["c"])
    assert not second.HasField("lastInstanceKey")
    failed = pb.ListInstanceIdsRequest(runtimeStatus=[pb.ORCHESTRATION_STATUS_FAILED])
    assert list(ours.client._stub.ListInstanceIds(failed).instanceIds) == []
    late = pb.ListInstanceIdsRequest()
    late.completedTimeFrom.FromDatetime(datetime.now(UTC) + timedelta(hours=1))
    assert list(ours.client._stub.ListInstanceIds(late).instanceIds) == []


def test_only_ended_instances_are_purged(ours: OurBackend) -> None:
    end_of(ours, start(ours, "call", ["double", 1], "done"))
    start(ours, "sleep", 30, "running")
    assert ours.client.purge_orchestration("running").deleted_instance_count == 0
    assert ours.client.purge_orchestration("nobody").deleted_instance_count == 0
    result = ours.client.purge_orchestrations_by(created_time_from=datetime.now(UTC) - timedelta(minutes=1))
    assert result.deleted_instance_count == 1
    assert ours.client.get_orchestration_state("done") is None
    end_of(ours, start(ours, "parent", ["call", ["double", 2], "the child"], "the parent"))
    assert ours.client.purge_orchestration("the parent", recursive=True).deleted_instance_count == 2


def test_histories_tell_the_times(ours: OurBackend) -> None:
    began = datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=1)
    instance = start(ours, "call", ["double", 1])
    end_of(ours, instance)
    history = ours.client.get_orchestration_history(instance)
    assert [type(event).__name__ for event in history] == [
        "OrchestratorStartedEvent",
        "ExecutionStartedEvent",
        "TaskScheduledEvent",
        "OrchestratorCompletedEvent",
        "OrchestratorStartedEvent",
        "TaskCompletedEvent",
        "OrchestratorCompletedEvent",
        "ExecutionCompletedEvent",
    ]
    times = [event.timestamp.replace(tzinfo=None) for event in history]
    assert began < min(times) <= max(times) <= datetime.now(UTC).replace(tzinfo=None)


# --- versions


@pytest.mark.parametrize(
    ("strategy", "version", "runs"),
    [
        ("None", "9", True),
        ("Strict", "2.0", True),
        ("Strict", "1.0", False),
        ("CurrentOrOlder", "1.10", True),
        ("CurrentOrOlder", None, True),
        ("CurrentOrOlder", "2.0.1", False),
        ("CurrentOrOlder", "x", False),
    ],
)
def test_versions_are_matched(tmp_path: Path, strategy: Any, version: str | None, runs: bool) -> None:
    rule = VersionRule(strategy, "2.0", "Fail")
    assert rule.admits(version) == runs
    ours = OurBackend(tmp_path, versions=rule)
    ours.start()
    state = end_of(ours, start(ours, "call", ["double", 1], version=version))
    assert (state.runtime_status == OrchestrationStatus.COMPLETED) == runs
    if not runs:
        assert state.failure_details is not None
        assert state.failure_details.error_type == "VersionMismatch"
    ours.stop()


def test_a_version_that_is_left_alone_is_run_by_the_app_that_has_it(tmp_path: Path) -> None:
    ours = OurBackend(tmp_path, Limits(default_version="3.0"), VersionRule("Strict", "2.0", "Reject"))
    ours.start()
    instance = start(ours, "call", ["double", 1])
    time.sleep(0.3)
    assert status_of(ours, instance) == OrchestrationStatus.PENDING
    ours.versions = VersionRule("Strict", "3.0", "Reject")
    ours.die()
    assert output_of(ours, instance) == 2
    ours.stop()


def test_a_version_that_is_left_alone_can_be_replaced_and_terminated(tmp_path: Path) -> None:
    ours = OurBackend(tmp_path, versions=VersionRule("Strict", "2.0", "Reject"))
    ours.start()
    for name in ("replaced", "terminated"):
        start(ours, "call", ["double", 1], name, version="1.0")
    time.sleep(0.3)
    pending = pb.OrchestrationIdReusePolicy(replaceableStatus=[pb.ORCHESTRATION_STATUS_PENDING])
    start(ours, "call", ["double", 1], "replaced", version="2.0", reuse_id_policy=pending)
    assert output_of(ours, "replaced") == 2
    ours.client.terminate_orchestration("terminated", output="enough")
    state = end_of(ours, "terminated")
    assert (state.runtime_status, state.get_output()) == (OrchestrationStatus.TERMINATED, "enough")
    ours.stop()


# --- the clock


def test_a_day_passes_in_a_moment(ours: OurBackend) -> None:
    instance = start(ours, "sleep", 86_400)
    await_that(lambda: status_of(ours, instance) == OrchestrationStatus.RUNNING)
    ours.call(lambda: ours.clock.change(advance_seconds=86_390))
    time.sleep(0.2)
    assert status_of(ours, instance) == OrchestrationStatus.RUNNING
    ours.call(lambda: ours.clock.change(speed=100))
    assert output_of(ours, instance) == "slept"


def test_a_thousand_timers_and_many_callers(ours: OurBackend) -> None:
    with futures.ThreadPoolExecutor(8) as pool:
        instances = list(pool.map(lambda _: start(ours, "sleep", 60), range(1000)))
    await_that(lambda: status_of(ours, instances[-1]) == OrchestrationStatus.RUNNING, 30)
    ours.call(lambda: ours.clock.change(advance_seconds=61))
    assert {output_of(ours, each) for each in instances} == {"slept"}
