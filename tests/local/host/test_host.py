"""The local host: HTTP, keys, durable functions, and workers that die."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests
from durabletask.client import OrchestrationStatus, TaskHubGrpcClient
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.internal import orchestrator_service_pb2_grpc as stubs

from local.child_process import REPOSITORY
from local.host.launch import LocalHost, start_local_host
from local.host.worker.supervisor import MAXIMUM_WORKERS
from tests.processes import list_processes

APP = Path(__file__).parent / "app"
# Some tests have one worker after the other end, and each takes seconds to start where the machine is busy.
PATIENCE = 120


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHost]:
    running = start_local_host(APP, tmp_path_factory.mktemp("host"), {})
    yield running
    running.process.stop()


@pytest.fixture(scope="module")
def client(host: LocalHost) -> Iterator[TaskHubGrpcClient]:
    with TaskHubGrpcClient(host_address=host.durable_address) as made:
        yield made


def run(client: TaskHubGrpcClient, orchestrator: str, value: Any) -> Any:
    instance = client.schedule_new_orchestration(orchestrator, input=value)
    state = client.wait_for_orchestration_completion(instance, timeout=PATIENCE)
    assert state is not None
    assert state.runtime_status == OrchestrationStatus.COMPLETED, state
    return state.get_output()


def test_http_in_and_out(host: LocalHost) -> None:
    response = requests.post(
        f"{host.functions_url}/api/echo/hello%20you?q=1",
        data=b"body",
        headers={"x-functions-key": host.functions_key, "X-Test": "t"},
        timeout=10,
    )
    assert (response.status_code, response.headers["x-answer"]) == (201, "yes")
    assert response.text == "POST hello you 1 t body"


@pytest.mark.parametrize("key", ["", "wrong"])
def test_a_wrong_key_opens_nothing(host: LocalHost, key: str) -> None:
    for path in ("api/echo/x", "admin/host/status"):
        method = requests.post if path.startswith("api") else requests.get
        response = method(f"{host.functions_url}/{path}", headers={"x-functions-key": key}, timeout=10)
        assert (response.status_code, response.text) == (401, "")


def test_the_master_key_and_the_query_open_functions(host: LocalHost) -> None:
    for key in (host.functions_key, host.master_key):
        assert requests.post(f"{host.functions_url}/api/echo/x?code={key}", timeout=10).status_code == 201


def test_fan_out_and_timer(client: TaskHubGrpcClient) -> None:
    assert run(client, "fan", 10) == 90


def test_a_child_that_continues_as_new_over_timers(client: TaskHubGrpcClient) -> None:
    assert run(client, "parent", 5) == "lift-off"


@pytest.mark.parametrize("text", ["no luck", ""])
def test_a_failed_activity_is_a_failure_with_and_without_text(client: TaskHubGrpcClient, text: str) -> None:
    assert run(client, "call", ["fail", text]).startswith("ValueError: " + (text or "The activity failed"))


def test_a_missing_activity_fails_loudly(client: TaskHubGrpcClient) -> None:
    assert run(client, "call", ["nothing", 1]).startswith("ActivityNotFound")


def test_what_a_dead_worker_had_is_invoked_again(client: TaskHubGrpcClient, tmp_path: Path) -> None:
    assert run(client, "call", ["die_at_first", str(tmp_path / "count")]) == 2


def test_what_kills_every_worker_fails_with_a_typed_text(client: TaskHubGrpcClient) -> None:
    assert f"WorkerProcessDied: the invocation was in flight in {MAXIMUM_WORKERS} workers" in run(
        client, "call", ["die_always", ""]
    )


def test_a_request_dies_with_its_worker(host: LocalHost) -> None:
    headers = {"x-functions-key": host.functions_key}
    assert requests.post(f"{host.functions_url}/api/die", headers=headers, timeout=PATIENCE).status_code == 502
    assert requests.post(f"{host.functions_url}/api/echo/x", headers=headers, timeout=PATIENCE).status_code == 201


def test_what_an_app_started_ends_with_its_worker(host: LocalHost, client: TaskHubGrpcClient) -> None:
    headers = {"x-functions-key": host.functions_key}
    started = int(requests.post(f"{host.functions_url}/api/spawn", headers=headers, timeout=PATIENCE).text)
    os.kill(host.worker_process_id(), signal.SIGKILL)
    assert run(client, "fan", 3) == 6
    state = Path(f"/proc/{started}/stat")
    # A process that nobody waits for is a zombie where nobody is there to reap it.
    assert not state.exists() or state.read_text().split()[2] == "Z"


def test_a_killed_worker_is_replaced(host: LocalHost, client: TaskHubGrpcClient) -> None:
    before = host.worker_process_id()
    os.kill(before, signal.SIGKILL)
    assert run(client, "fan", 3) == 6
    assert host.worker_process_id() != before


def test_a_late_result_does_not_reach_the_next_instance_of_the_same_id(
    client: TaskHubGrpcClient, tmp_path: Path
) -> None:
    late, present = tmp_path / "late", tmp_path / "present"
    client.schedule_new_orchestration("call", input=["wait_for", str(late)], instance_id="same")
    time.sleep(0.5)
    client.terminate_orchestration("same")
    client.wait_for_orchestration_completion("same", timeout=20)
    policy = pb.OrchestrationIdReusePolicy(replaceableStatus=[pb.ORCHESTRATION_STATUS_TERMINATED])
    client.schedule_new_orchestration(
        "call", input=["wait_for", str(present)], instance_id="same", reuse_id_policy=policy
    )
    time.sleep(0.5)
    late.touch()
    time.sleep(0.5)
    present.touch()
    state = client.wait_for_orchestration_completion("same", timeout=20)
    assert state is not None
    assert state.get_output() == str(present)


def test_an_app_that_cannot_be_indexed_is_reported(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "function_app.py").write_text("import nothing_of_that_name\n")
    with pytest.raises(match="nothing_of_that_name"):
        start_local_host(tmp_path, tmp_path / "state", {})


def test_a_host_ends_with_its_parent(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from local.host.launch import start_local_host\n"
        f"print(start_local_host(Path({str(APP)!r}), Path({str(tmp_path)!r}), {{}}).functions_url, flush=True)\n"
        "time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    url = parent.stdout.readline().strip()
    assert requests.get(f"{url}/api/none", timeout=10).status_code == 404
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 10
    while str(tmp_path) in list_processes():
        assert time.monotonic() < deadline, list_processes()
        time.sleep(0.1)
    assert not (tmp_path / "host.json").exists()


def test_a_worker_killed_while_it_indexes_is_replaced(host: LocalHost, client: TaskHubGrpcClient) -> None:
    for _ in range(3):
        os.kill(host.worker_process_id(), signal.SIGKILL)
        time.sleep(0.2)
    assert run(client, "fan", 3) == 6


def test_many_large_work_items_at_once_do_not_block_host_and_worker(client: TaskHubGrpcClient) -> None:
    text = "x" * 15_000
    instances = [client.schedule_new_orchestration("call", input=["echo_text", text]) for _ in range(100)]
    for instance in instances:
        state = client.wait_for_orchestration_completion(instance, timeout=60)
        assert state is not None
        assert state.get_output() == text


def test_a_late_result_does_not_reach_the_next_generation(client: TaskHubGrpcClient, tmp_path: Path) -> None:
    assert run(client, "generations", [1, str(tmp_path / "first"), str(tmp_path / "second")]) == "second"


def test_a_function_that_ends_its_process_ends_its_invocation(client: TaskHubGrpcClient) -> None:
    assert run(client, "call", ["leave", "at once"]).startswith("WorkerProcessDied")


def test_a_caller_waits_as_long_as_it_likes_and_many_may(host: LocalHost, tmp_path: Path) -> None:
    go = tmp_path / "go"
    with TaskHubGrpcClient(host_address=host.durable_address) as client, ThreadPoolExecutor(60) as pool:
        instance = client.schedule_new_orchestration("call", input=["wait_for", str(go)])
        waiting = [pool.submit(client.wait_for_orchestration_completion, instance, timeout=20) for _ in range(60)]
        time.sleep(1)
        go.touch()
        states = [future.result() for future in waiting]
    assert {state.runtime_status for state in states if state} == {OrchestrationStatus.COMPLETED}


def test_work_items_are_given_to_nobody_else(host: LocalHost) -> None:
    with grpc.insecure_channel(host.durable_address) as channel:
        stub = stubs.TaskHubSidecarServiceStub(channel)  # type: ignore[no-untyped-call]
        with pytest.raises(grpc.RpcError) as refused:
            list(stub.GetWorkItems(pb.GetWorkItemsRequest(), timeout=5))
        assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED
        with pytest.raises(grpc.RpcError) as refused:
            stub.CompleteActivityTask(pb.ActivityResponse(), timeout=5)
        assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED
