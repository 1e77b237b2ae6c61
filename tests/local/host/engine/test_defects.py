"""The defects of durabletask's in-memory backend: each test fails on it (strictly expected), and passes on ours."""

import asyncio
import inspect
import socket
import struct
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from durabletask.client import OrchestrationState, OrchestrationStatus
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.testing import in_memory_backend

from local.host.clock import HostClock
from local.host.engine.engine import Engine
from local.host.engine.hub import Limits, TaskHub
from local.host.engine.store import Store
from local.host.engine.work import WorkItems
from local.host.state import open_state
from tests.local.host.engine.backends import Backend, OurBackend, PlainBackend
from tests.local.host.engine.durable_work import GATES, RUNS, forget, gate

pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_:DeprecationWarning")
FAILS = pytest.mark.xfail(strict=True, reason="a defect of the plain backend", raises=(AssertionError, TimeoutError))


@pytest.fixture(params=[pytest.param("plain", marks=FAILS), "ours"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    made: Backend = PlainBackend() if request.param == "plain" else OurBackend(tmp_path)
    made.start()
    yield made
    for each in GATES.values():
        each.set()
    made.stop()
    forget()


def start(backend: Backend, orchestrator: str, value: Any, instance_id: str | None = None, **more: Any) -> str:
    return backend.client.schedule_new_orchestration(orchestrator, input=value, instance_id=instance_id, **more)


def end_of(backend: Backend, instance_id: str, seconds: int = 5) -> OrchestrationState:
    state = backend.client.wait_for_orchestration_completion(instance_id, timeout=seconds)
    assert state is not None
    return state


def await_run(text: str) -> None:
    deadline = time.monotonic() + 5
    while text not in RUNS:
        assert time.monotonic() < deadline, RUNS
        time.sleep(0.01)


def test_a_late_result_is_not_the_next_instances(backend: Backend) -> None:
    start(backend, "call", ["wait_for", "late"], "same")
    await_run("wait_for late")
    backend.client.terminate_orchestration("same")
    end_of(backend, "same")
    backend.client.purge_orchestration("same")
    start(backend, "call", ["wait_for", "present"], "same")
    await_run("wait_for present")
    gate("late").set()
    time.sleep(0.3)
    gate("present").set()
    assert end_of(backend, "same").get_output() == "present"


def test_a_timer_does_not_fire_into_the_next_generation(backend: Backend) -> None:
    began = time.monotonic()
    assert end_of(backend, start(backend, "abandon_timer", 1)).get_output() == "slept"
    assert time.monotonic() - began > 1.2


def test_a_child_may_take_long(backend: Backend) -> None:
    """The plain backend waits 30 s for a child; here 1 s stands for them."""
    assert end_of(backend, start(backend, "parent", ["sleep", 2.0, "child"])).get_output() == "slept"


def test_work_that_somebody_had_is_not_lost_with_him(backend: Backend) -> None:
    instance = backend.lose_taker(lambda: start(backend, "call", ["wait_for", "gone"]))
    gate("gone").set()
    assert end_of(backend, instance).get_output() == "gone"


def test_start_at_is_kept(backend: Backend) -> None:
    instance = start(backend, "call", ["double", 4], start_at=datetime.now(UTC) + timedelta(seconds=1))
    time.sleep(0.5)
    state = backend.client.get_orchestration_state(instance)
    assert state is not None
    assert state.runtime_status == OrchestrationStatus.PENDING
    assert end_of(backend, instance).get_output() == 8


def test_a_failure_without_a_text_is_a_failure(backend: Backend) -> None:
    output = end_of(backend, start(backend, "call", ["fail", ""])).get_output()
    assert output is not None
    assert output.startswith("ValueError: ")


def test_a_custom_status_has_16_kilobytes(backend: Backend) -> None:
    assert end_of(backend, start(backend, "say", 9_000)).runtime_status == OrchestrationStatus.FAILED


def test_timers_need_no_thread_each(backend: Backend) -> None:
    before = threading.active_count()
    instances = [start(backend, "sleep", 3.0) for _ in range(100)]
    time.sleep(1.5)
    assert threading.active_count() < before + 60
    assert end_of(backend, instances[-1], 20).get_output() == "slept"


def test_callers_that_wait_do_not_use_up_the_server(backend: Backend) -> None:
    instance = start(backend, "sleep", 4.0)
    with futures.ThreadPoolExecutor(15) as pool:
        waiting = [pool.submit(end_of, backend, instance, 10) for _ in range(15)]
        time.sleep(0.5)
        began = time.monotonic()
        backend.client.get_orchestration_state(instance)
        took = time.monotonic() - began
        futures.wait(waiting)
    assert took < 1


def test_a_limit_on_what_is_handed_out_is_kept(backend: Backend) -> None:
    assert backend.handed_out_at_once(2) == 2


def test_termination_can_take_the_children_along(backend: Backend) -> None:
    instance = start(backend, "parent", ["sleep", 30.0, "child"])
    deadline = time.monotonic() + 5
    while backend.client.get_orchestration_state("child") is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    backend.client.terminate_orchestration(instance, recursive=True)
    assert end_of(backend, "child").runtime_status == OrchestrationStatus.TERMINATED


def test_an_ended_id_can_be_started_again(backend: Backend) -> None:
    end_of(backend, start(backend, "call", ["double", 1], "again"))
    try:
        start(backend, "call", ["double", 2], "again")
    except grpc.RpcError as refusal:
        raise AssertionError(refusal.details()) from None
    assert end_of(backend, "again").get_output() == 4


def test_state_outlives_every_process(backend: Backend) -> None:
    instance = start(backend, "call_many", ["wait_for", ["done", "open"]])
    gate("done").set()
    await_run("wait_for done")
    await_run("wait_for open")
    time.sleep(0.3)
    backend.die()
    gate("open").set()
    state = backend.client.wait_for_orchestration_completion(instance, timeout=5)
    assert state is not None
    assert state.get_output() == ["done", "open"]
    assert RUNS.count("wait_for done") == 1


def test_it_listens_on_this_machine_only_on_a_port_that_it_tells(tmp_path: Path) -> None:
    """The plain backend binds all interfaces and shares its port: its source says so, and it is not started here."""
    source = inspect.getsource(in_memory_backend.InMemoryOrchestrationBackend.start)
    assert "add_insecure_port(f'[::]:{self._port}')" in source
    assert "so_reuseport" not in source
    backend = OurBackend(tmp_path)
    backend.start()
    port = int(backend.client._host_address.rpartition(":")[2])
    assert listening_addresses(port) <= {"127.0.0.1", "::ffff:127.0.0.1"}
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        with pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))
    backend.stop()


def listening_addresses(port: int) -> set[str]:
    addresses = set()
    for line in (
        Path("/proc/net/tcp").read_text().splitlines()[1:] + Path("/proc/net/tcp6").read_text().splitlines()[1:]
    ):
        address, _, number = line.split()[1].partition(":")
        if line.split()[3] == "0A" and int(number, 16) == port:
            words = struct.iter_unpack("<I", bytes.fromhex(address))
            packed = b"".join(struct.pack(">I", word) for (word,) in words)
            addresses.add(str(ip_address(packed)))
    return addresses


@pytest.mark.parametrize("which", [pytest.param("plain", marks=FAILS), "ours"])
def test_a_second_completion_changes_nothing(which: str, tmp_path: Path) -> None:
    completed = _complete_twice_on_plain() if which == "plain" else asyncio.run(_complete_twice_on_ours(tmp_path))
    assert [event.HasField("taskCompleted") for event in completed].count(True) == 1


_SCHEDULE = pb.OrchestratorAction(id=1, scheduleTask=pb.ScheduleTaskAction(name="double"))


def _complete_twice_on_plain() -> list[pb.HistoryEvent]:
    backend = in_memory_backend.InMemoryOrchestrationBackend()
    context = cast("grpc.ServicerContext", _Listening())
    backend.StartInstance(pb.CreateInstanceRequest(instanceId="i", name="call"), context)
    items = backend.GetWorkItems(pb.GetWorkItemsRequest(), context)
    token = next(items).completionToken
    response = pb.OrchestratorResponse(instanceId="i", completionToken=token, actions=[_SCHEDULE])
    backend.CompleteOrchestratorTask(response, context)
    token = next(items).completionToken
    for _ in range(2):
        backend.CompleteActivityTask(pb.ActivityResponse(instanceId="i", taskId=1, completionToken=token), context)
    return list(next(items).orchestratorRequest.newEvents)


class _Listening:
    def is_active(self) -> bool:
        return True


async def _complete_twice_on_ours(directory: Path) -> list[pb.HistoryEvent]:
    with open_state(directory) as connection:
        hub = TaskHub(Store(connection), HostClock(), Limits())
        items = WorkItems(hub)
        Engine(hub).start(pb.CreateInstanceRequest(instanceId="i", name="call"))
        token = (await items.take_turn()).completionToken
        items.complete_turn(pb.OrchestratorResponse(completionToken=token, actions=[_SCHEDULE]))
        token = (await items.take_activity()).completionToken
        for _ in range(2):
            items.complete_activity(pb.ActivityResponse(instanceId="i", taskId=1, completionToken=token))
        return list((await items.take_turn()).orchestratorRequest.newEvents)
