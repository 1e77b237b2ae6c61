"""durabletask's in-memory backend and its worker in one process, for benchmarks/local_host.py; ends with its input."""

import os
import sys
from concurrent import futures

import grpc
from durabletask.internal import orchestrator_service_pb2_grpc as stubs
from durabletask.testing.in_memory_backend import InMemoryOrchestrationBackend
from durabletask.worker import TaskHubGrpcWorker

from benchmarks.local_host_app import function_app


def main() -> None:
    """Print the address once it answers."""
    # Not by its start(), which would listen on every interface of the machine; as many threads as that has.
    server = grpc.server(futures.ThreadPoolExecutor(10))
    stubs.add_TaskHubSidecarServiceServicer_to_server(InMemoryOrchestrationBackend(), server)  # type: ignore[no-untyped-call]
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    worker = TaskHubGrpcWorker(host_address=address)
    worker.add_orchestrator(function_app.work)
    worker.add_orchestrator(function_app.call_once)
    worker.add_orchestrator(function_app.wait_long)
    worker.add_activity(function_app.add_one)
    worker.add_activity(function_app.tell_time)
    worker.start()  # type: ignore[no-untyped-call]
    print(address, flush=True)
    sys.stdin.read()
    # Its threads would keep it alive.
    os._exit(0)


if __name__ == "__main__":
    main()
