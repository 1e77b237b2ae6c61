"""The host as a whole: it reads what it is to host, starts every room, and says where it answers."""

import asyncio
import json
import logging
import os
import socket
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

import uvicorn
from starlette.applications import Starlette

from local.files import write_private
from local.host.clock import HostClock, KeptClock
from local.host.command_line import DEFAULT_PORT, Arguments
from local.host.engine.dispatcher import Concurrency, Dispatcher, DurableFunctions, find_durable_functions
from local.host.engine.engine import Engine
from local.host.engine.hub import Limits, TaskHub
from local.host.engine.service import serve
from local.host.engine.store import Store
from local.host.engine.versions import VersionRule
from local.host.engine.work import WorkItems
from local.host.functions import Function
from local.host.http.front import make_front
from local.host.keys import DEFAULT, DURABLE_TASK, EVENT_GRID, Keys
from local.host.settings.host_json import DurableTask, HostJson, parse, read_document
from local.host.settings.local_settings import app_settings, is_disabled, overridden, read_local_settings
from local.host.settings.unhonoured import unhonoured
from local.host.state import open_state
from local.host.timers.listener import make_manual_input, run_timers
from local.host.timers.trigger import Timer, read_timers
from local.host.webhooks.admin import Fire, make_admin_routes
from local.host.webhooks.durable_task.links import Management, describe_durable_client
from local.host.webhooks.durable_task.routes import make_durable_task_routes
from local.host.webhooks.event_grid import fire_event, make_event_grid_routes
from local.host.worker.supervisor import Supervisor
from local.lifetime import Server, open_listener, watch_for_end

ADDRESSES: Final = "host.json"
_STOP_SECONDS: Final = 1
# Keys may be long, and arrive in the path.
_LARGEST_HEAD: Final = 65536
_log = logging.getLogger("local.host")


class PortTaken(RuntimeError):  # noqa: N818 - it says what happened
    """Somebody else listens on the port."""


class _Setting(NamedTuple):
    """What is hosted, and how: read once, before anything runs."""

    config: HostJson
    environment: dict[str, str]
    port: int


class _Rooms(NamedTuple):
    """What runs."""

    functions: Sequence[Function]
    supervisor: Supervisor
    hub: TaskHub
    durable: DurableFunctions
    timers: Sequence[Timer]
    keys: Keys
    clock: HostClock
    connection: sqlite3.Connection


async def host(arguments: Arguments) -> None:
    """Host an app until the process is to end.

    Raises InvalidSettings, AppNotIndexed, RouteError, TimerNotValid, KeysDamaged, StateUnusable, PortTaken, each with a
    text of one line.
    """
    end = watch_for_end(until_input_ends=arguments.until_input_ends)
    setting = _read_setting(arguments)
    with open_state(arguments.state_directory) as connection, _listen(setting.port) as listener:
        supervisor = Supervisor(
            arguments.app,
            setting.environment,
            function_timeout=setting.config.function_timeout,
            log_format=arguments.log_format,
        )
        starting = asyncio.create_task(_start_rooms(arguments, setting, supervisor, connection))
        try:
            if await _is_done_before(end, starting):
                await _run(starting.result(), arguments, setting.config, listener, end)
        finally:
            await supervisor.stop()


async def _is_done_before(end: asyncio.Event, task: asyncio.Task[_Rooms]) -> bool:
    """Wait for a task; where the process is to end first, cancel it and say so."""
    ending = asyncio.create_task(end.wait())
    await asyncio.wait([task, ending], return_when=asyncio.FIRST_COMPLETED)
    done = task.done()
    task.cancel()
    ending.cancel()
    await asyncio.wait([task, ending])
    return done


def _read_setting(arguments: Arguments) -> _Setting:
    local = read_local_settings(arguments.settings)
    environment = app_settings(local.values, os.environ)
    document = read_document(arguments.app, environment)
    config = parse(document, environment)
    ignored = [*unhonoured(document), *local.unhonoured]
    if ignored:
        _log.info("not honoured here: %s", ", ".join(ignored))
    if names := overridden(local.values, os.environ):
        _log.info("the environment wins over the settings file: %s", ", ".join(names))
    port = arguments.port if arguments.port is not None else local.port or DEFAULT_PORT
    return _Setting(config, environment, port)


def _listen(port: int) -> socket.socket:
    try:
        return open_listener(port)
    except OSError as error:
        message = f"127.0.0.1:{port} cannot be listened on: {error.strerror}; choose another with --port"
        raise PortTaken(message) from None


async def _start_rooms(
    arguments: Arguments, setting: _Setting, supervisor: Supervisor, connection: sqlite3.Connection
) -> _Rooms:
    functions = _drop_disabled(await supervisor.start(), setting.environment)
    clock = KeptClock(connection)
    return _Rooms(
        functions=functions,
        supervisor=supervisor,
        hub=TaskHub(Store(connection), clock, _limits(setting.config.extensions.durable_task)),
        durable=find_durable_functions(functions),
        timers=read_timers(functions, setting.environment),
        keys=Keys.load(
            arguments.state_directory / "keys.json", [each.name for each in functions], enforced=arguments.auth
        ),
        clock=clock,
        connection=connection,
    )


def _drop_disabled(functions: Sequence[Function], environment: Mapping[str, str]) -> list[Function]:
    disabled = [function.name for function in functions if is_disabled(function.name, environment)]
    if disabled:
        _log.info("disabled: %s", ", ".join(disabled))
    return [function for function in functions if function.name not in disabled]


def _limits(durable: DurableTask) -> Limits:
    return Limits(
        maximum_actions=durable.max_orchestration_actions,
        entity_batch=durable.max_entity_operation_batch_size,
        default_version=durable.default_version,
        replace_running=durable.overridable_existing_instance_states == "AnyState",
    )


async def _run(
    rooms: _Rooms, arguments: Arguments, config: HostJson, listener: socket.socket, end: asyncio.Event
) -> None:
    durable = config.extensions.durable_task
    system_key = rooms.keys.contents.system[DURABLE_TASK]
    management = Management(durable.hub_name, system_key, durable.http_settings.use_forwarded_host)
    engine = Engine(rooms.hub)
    front = _make_front(rooms, engine, management, config.extensions.http.route_prefix, control=arguments.control)
    dispatcher = Dispatcher(WorkItems(rooms.hub), rooms.supervisor, rooms.durable, _versions(durable))
    service, durable_address = await serve(engine)
    origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    rooms.supervisor.durable_client = describe_durable_client(origin, durable_address, management)
    try:
        async with asyncio.TaskGroup() as group:
            running = [
                group.create_task(rooms.supervisor.watch()),
                group.create_task(dispatcher.run(_concurrency(durable))),
                group.create_task(run_timers(rooms.timers, rooms.supervisor, rooms.clock, rooms.connection)),
            ]
            with _announced(arguments, rooms.keys, origin, durable_address):
                await _answer_until(end, front, listener)
            for each in running:
                each.cancel()
    finally:
        await service.stop(_STOP_SECONDS)


def _versions(durable: DurableTask) -> VersionRule:
    """Match versions only where the app says which its own is."""
    if durable.default_version is None:
        return VersionRule()
    return VersionRule(durable.version_match_strategy, durable.default_version, durable.version_failure_strategy)


def _concurrency(durable: DurableTask) -> Concurrency:
    return Concurrency(
        durable.max_concurrent_orchestrator_functions,
        durable.max_concurrent_activity_functions,
        durable.max_concurrent_entity_functions,
    )


def _make_front(
    rooms: _Rooms, engine: Engine, management: Management, route_prefix: str, *, control: bool
) -> Starlette:
    keys, supervisor = rooms.keys, rooms.supervisor
    routes = [
        *make_admin_routes(
            rooms.functions,
            keys,
            describe_worker=lambda: {"processId": supervisor.process_id, "restarts": supervisor.restarts},
            fire_by_trigger=_fire_by_trigger(rooms),
            clock=rooms.clock if control else None,
        ),
        *make_event_grid_routes(rooms.functions, supervisor, keys),
        *make_durable_task_routes(
            engine,
            management,
            lambda request: keys.open_extension(request, DURABLE_TASK),
            orchestrators=rooms.durable.orchestrators,
            entities=rooms.durable.entities,
        ),
    ]
    return make_front(rooms.functions, supervisor, keys, route_prefix=route_prefix, host_routes=routes)


def _fire_by_trigger(rooms: _Rooms) -> Mapping[str, Fire]:
    timers = {timer.function.name: timer for timer in rooms.timers}

    async def fire_timer(function: Function, given: str) -> None:  # noqa: ARG001 - a timer takes nothing
        timer_input = make_manual_input(timers[function.name], rooms.connection)
        await rooms.supervisor.invoke(function, [timer_input], again=False)

    async def fire_event_grid(function: Function, given: str) -> None:
        await fire_event(rooms.supervisor, function, given)

    return {"timerTrigger": fire_timer, "eventGridTrigger": fire_event_grid}


async def _answer_until(end: asyncio.Event, front: Starlette, listener: socket.socket) -> None:
    config = uvicorn.Config(
        front,
        log_config=None,
        log_level="warning",
        # Query strings carry keys.
        access_log=False,
        lifespan="off",
        h11_max_incomplete_event_size=_LARGEST_HEAD,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    server = Server(config)
    # The listener is bound already, so a request that comes before the loop turns waits and is answered.
    async with asyncio.TaskGroup() as group:
        ending = group.create_task(_stop_at(end, server))
        await server.serve(sockets=[listener])
        if not ending.done():
            message = "the web server ended by itself"
            raise RuntimeError(message)


async def _stop_at(end: asyncio.Event, server: Server) -> None:
    await end.wait()
    server.should_exit = True


@contextmanager
def _announced(arguments: Arguments, keys: Keys, origin: str, durable_address: str) -> Iterator[None]:
    """Tell where everything is, in a file for whoever started this host and in a line for people."""
    path = arguments.state_directory / ADDRESSES
    contents = keys.contents
    document = {
        "functionsUrl": origin,
        "functionsKey": contents.host[DEFAULT],
        "masterKey": contents.master,
        "durableKey": contents.system[DURABLE_TASK],
        "eventGridKey": contents.system[EVENT_GRID],
        "durableAddress": durable_address,
    }
    write_private(path, json.dumps(document))
    if not arguments.until_input_ends:
        keys_are = f"keys: {path}" if arguments.auth else "nobody is asked for a key"
        sys.stdout.write(f"{arguments.app.name} answers at {origin}; {keys_are}; end: Ctrl-C\n")
        sys.stdout.flush()
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
