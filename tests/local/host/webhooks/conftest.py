"""The management API of the real engine, served over HTTP, with a worker that runs real durable functions."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request

from local.host.clock import HostClock
from local.host.engine.dispatcher import Concurrency, Dispatcher, find_durable_functions
from local.host.engine.engine import Engine
from local.host.engine.hub import Limits, TaskHub
from local.host.engine.service import serve
from local.host.engine.store import Store
from local.host.engine.versions import VersionRule
from local.host.engine.work import WorkItems
from local.host.state import open_state
from local.host.webhooks.durable_task.links import BASE_PATH, Management
from local.host.webhooks.durable_task.routes import make_durable_task_routes
from local.lifetime import Server, open_listener
from tests.local.host.webhooks.durable_functions import FUNCTIONS, WorkerInProcess

KEY = "key+with/odd=characters"
MANAGEMENT = Management("TestHub", KEY)


class RunningEngine(NamedTuple):
    """Where the functions of a running engine are, and its gRPC service."""

    origin: str
    durable_address: str


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngine]:
    listener = open_listener()
    addresses: list[str] = []
    ready = threading.Event()
    servers: list[Server] = []

    async def run(directory: Path) -> None:
        with open_state(directory) as state:
            hub = TaskHub(Store(state), HostClock(), Limits())
            made = Engine(hub)
            functions = find_durable_functions(FUNCTIONS)
            dispatcher = Dispatcher(WorkItems(hub), WorkerInProcess(), functions, VersionRule())
            working = asyncio.create_task(dispatcher.run(Concurrency(10, 10, 10)))
            service, address = await serve(made)
            routes = make_durable_task_routes(
                made, MANAGEMENT, _opens, orchestrators=functions.orchestrators, entities=functions.entities
            )
            app = Starlette(routes=routes)
            servers.append(
                Server(uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1))
            )
            addresses.append(address)
            ready.set()
            await servers[0].serve([listener])
            await service.stop(None)
            working.cancel()
            await asyncio.wait([working])

    thread = threading.Thread(target=lambda: asyncio.run(run(tmp_path_factory.mktemp("engine"))))
    thread.start()
    assert ready.wait(10)
    yield RunningEngine(f"http://127.0.0.1:{listener.getsockname()[1]}", addresses[0])
    servers[0].should_exit = True
    thread.join()


def _opens(request: Request) -> bool:
    return KEY in (request.headers.get("x-functions-key"), request.query_params.get("code"))


@pytest.fixture
def api(engine: RunningEngine) -> Iterator[httpx.Client]:
    """A client that has the key."""
    with httpx.Client(base_url=f"{engine.origin}{BASE_PATH}/", headers={"x-functions-key": KEY}) as client:
        yield client


Until = Callable[[str, str], dict[str, Any]]


@pytest.fixture
def until(api: httpx.Client) -> Until:
    """Wait until an instance has a status, and give its view."""

    def wait(instance_path: str, status: str) -> dict[str, Any]:
        deadline = time.monotonic() + 10
        while True:
            view: dict[str, Any] = api.get(instance_path).json()
            if view["runtimeStatus"] == status:
                return view
            assert time.monotonic() < deadline, view
            time.sleep(0.02)

    return wait
