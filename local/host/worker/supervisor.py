"""Keeps a worker running. The host, not the worker, holds the invocations: what a dead one had, the next one gets."""

import asyncio
import base64
import logging
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from local.host.functions import Function, FunctionTimedOut, Input, InvocationFailed, Invoker, Output, WorkerDied
from local.host.worker.child.log_lines import LogFormat
from local.host.worker.child.messages import encode
from local.host.worker.index import AppNotIndexed, read_index
from local.host.worker.worker import Worker, start_worker

# Many that are only killed in the middle of things never get here; what kills its worker each time does.
MAXIMUM_WORKERS: Final = 8
QUICK_DEATH_SECONDS: Final = 2.0
INDEX_SECONDS: Final = 60.0
# A busy host takes thousands of turns; the activities between them are what people look for.
_TURNS: Final = frozenset({"orchestrationTrigger", "entityTrigger"})
_log = logging.getLogger("local.host.worker")


@dataclass
class _Invocation:
    id: str
    function: Function
    message: bytes
    again: bool
    began: float
    future: asyncio.Future[Output | None]
    workers: int = 0
    deadline: asyncio.TimerHandle | None = None


class Supervisor(Invoker):
    """Starts the worker, hands it invocations, and starts the next one when it dies."""

    def __init__(
        self,
        app_directory: Path,
        environment: Mapping[str, str],
        *,
        function_timeout: float | None,
        log_format: LogFormat,
    ) -> None:
        """Prepare; `environment` is all of the worker's, `function_timeout` is in seconds (None: unbounded)."""
        self._app_directory = app_directory
        self._environment = environment
        self._function_timeout = function_timeout
        self._log_format: LogFormat = log_format
        self._functions: list[Function] = []
        self._in_flight: dict[str, _Invocation] = {}
        self._worker: Worker | None = None
        self._serving: Worker | None = None
        self._supervision: asyncio.Task[None] | None = None
        self._stopped = False
        self.durable_client = ""
        """What the durable client bindings give to functions; to be set before anything is invoked."""
        self.restarts = 0
        """How many workers were started after the first."""

    @property
    def process_id(self) -> int | None:
        """The process that runs the app now, or indexes it; None between two."""
        return self._worker.process_id if self._worker is not None else None

    async def start(self) -> list[Function]:
        """Start the first worker and give the app's functions; raises AppNotIndexed."""
        self._functions = await self._start_worker()
        self._supervision = asyncio.create_task(self._supervise(), name="supervisor")
        return self._functions

    async def watch(self) -> None:
        """Wait until the supervision ends, which it does only by an error of its own; raises that."""
        if self._supervision is not None:
            await asyncio.shield(self._supervision)

    async def stop(self) -> None:
        """End the worker; who waits for an invocation is cancelled, since nobody knows what became of it."""
        self._stopped = True
        if self._supervision is not None:
            self._supervision.cancel()
            await asyncio.wait([self._supervision])
        if self._worker is not None:
            await self._worker.end()
        for invocation in self._in_flight.values():
            invocation.future.cancel()
            _cancel_deadline(invocation)
        self._in_flight.clear()

    async def invoke(self, function: Function, inputs: Sequence[Input], *, again: bool) -> Output | None:
        """Run a function in the worker and give its output, as Invoker says.

        Where the caller is cancelled, a worker that has the invocation goes on with it, as on Azure, and
        `functionTimeout` holds for it still; but no other worker gets it.
        """
        if self._stopped:
            raise asyncio.CancelledError
        invocation = self._make_invocation(function, inputs, again=again)
        self._in_flight[invocation.id] = invocation
        if self._serving is not None:
            self._send(self._serving, invocation)
        try:
            return await invocation.future
        except asyncio.CancelledError:
            if self._serving is None:
                # No worker has it.
                self._in_flight.pop(invocation.id, None)
                _cancel_deadline(invocation)
            raise

    def _make_invocation(self, function: Function, inputs: Sequence[Input], *, again: bool) -> _Invocation:
        clients = [binding["name"] for binding in function.bindings if binding["type"] == "durableClient"]
        all_inputs = [*inputs, *(Input(name, "string", self.durable_client) for name in clients)]
        invocation_id = str(uuid.uuid4())
        inputs_written = [each._asdict() for each in all_inputs]
        message = encode({"id": invocation_id, "functionId": function.id, "inputs": inputs_written})
        future = asyncio.get_running_loop().create_future()
        return _Invocation(invocation_id, function, message, again, time.monotonic(), future)

    def _send(self, worker: Worker, invocation: _Invocation) -> None:
        invocation.workers += 1
        worker.send(invocation.message)
        if self._function_timeout is not None:
            loop = asyncio.get_running_loop()
            invocation.deadline = loop.call_later(self._function_timeout, self._time_out, worker, invocation)

    def _time_out(self, worker: Worker, invocation: _Invocation) -> None:
        """Fail an invocation and kill its worker: a function that runs cannot be interrupted otherwise."""
        text = f"{invocation.function.name} took longer than functionTimeout, {self._function_timeout:g} s"
        self._fail(invocation, FunctionTimedOut(text))
        # What is asked for from now on waits for the next worker.
        self._serving = None
        worker.kill()

    async def _supervise(self) -> None:
        while self._worker is not None:
            began = time.monotonic()
            await self._serve(self._worker)
            code = await self._worker.end()
            _log.warning("the worker died with exit code %s", code)
            self._after_death()
            if time.monotonic() - began < QUICK_DEATH_SECONDS and self.restarts > 1:
                await asyncio.sleep(QUICK_DEATH_SECONDS / 2)
            await self._start_next_worker()

    async def _serve(self, worker: Worker) -> None:
        """Hand a worker all that is in flight, and settle what it answers until it dies.

        Its answers come over its own connection: none can come after its death.
        """
        for invocation in self._in_flight.values():
            self._send(worker, invocation)
        self._serving = worker
        while (message := await worker.receive()) is not None:
            # One that took too long has left the list.
            if message["id"] in self._in_flight:
                self._settle(self._in_flight[message["id"]], message)
        self._serving = None

    def _settle(self, invocation: _Invocation, answer: dict[str, Any]) -> None:
        if "error" in answer:
            error = answer["error"]
            self._fail(invocation, InvocationFailed(error["type"], error["message"], error["stack"]))
        else:
            self._succeed(invocation, _read_output(answer["output"]))

    def _after_death(self) -> None:
        for invocation in list(self._in_flight.values()):
            _cancel_deadline(invocation)
            if not invocation.workers:
                continue
            if not invocation.again or invocation.future.done():
                self._fail(invocation, WorkerDied("the worker died during this invocation"))
            elif invocation.workers >= MAXIMUM_WORKERS:
                text = f"the invocation was in flight in {MAXIMUM_WORKERS} workers that died"
                self._fail(invocation, WorkerDied(text))

    async def _start_next_worker(self) -> None:
        """Start workers until one has indexed the app: one may be killed while it does, or the app be broken."""
        while True:
            self.restarts += 1
            try:
                functions = await self._start_worker()
            except (AppNotIndexed, OSError) as failure:
                _log.error("the next worker could not index the app: %s", failure)
                for invocation in list(self._in_flight.values()):
                    if not invocation.again:
                        self._fail(invocation, WorkerDied("there is no worker: the app could not be indexed again"))
                await asyncio.sleep(QUICK_DEATH_SECONDS / 2)
            else:
                if functions != self._functions:
                    _log.error("the app's functions changed while it ran: start the host again")
                return

    async def _start_worker(self) -> list[Function]:
        worker = await start_worker(self._app_directory, self._environment, self._log_format)
        self._worker = worker
        try:
            async with asyncio.timeout(INDEX_SECONDS):
                message = await worker.receive()
            if message is None:
                code = await worker.end()
                text = f"the worker ended with exit code {code} while it indexed the app"
                raise AppNotIndexed(text)
            return read_index(message)
        except TimeoutError:
            await worker.end()
            text = f"the app was not indexed within {INDEX_SECONDS:g} s"
            raise AppNotIndexed(text) from None
        except BaseException:
            await worker.end()
            raise

    def _succeed(self, invocation: _Invocation, output: Output | None) -> None:
        trigger = invocation.function.trigger["type"]
        self._close(invocation, logging.DEBUG if trigger in _TURNS else logging.INFO, "Succeeded after %s ms")
        if not invocation.future.done():
            invocation.future.set_result(output)

    def _fail(self, invocation: _Invocation, error: Exception) -> None:
        reason, stack = str(error), ""
        if isinstance(error, InvocationFailed):
            reason, stack = f"{error.error_type}: {error}", error.stack
        self._close(invocation, logging.ERROR, "Failed after %s ms: %s", reason, stack=stack)
        if not invocation.future.done():
            invocation.future.set_exception(error)

    def _close(self, invocation: _Invocation, level: int, text: str, *reasons: str, stack: str = "") -> None:
        """Take an invocation off the list and say how it ended."""
        del self._in_flight[invocation.id]
        _cancel_deadline(invocation)
        duration = round((time.monotonic() - invocation.began) * 1000)
        extra = {
            "function": invocation.function.name,
            "invocationId": invocation.id,
            "durationMs": duration,
            "exception": stack,
        }
        _log.log(level, text, duration, *reasons, extra=extra)


def _cancel_deadline(invocation: _Invocation) -> None:
    if invocation.deadline is not None:
        invocation.deadline.cancel()


def _read_output(document: dict[str, Any] | None) -> Output | None:
    if document is None:
        return None
    value = document["value"]
    return Output(document["kind"], base64.b64decode(value) if document["kind"] == "bytes" else value)
