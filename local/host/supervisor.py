"""Keeps a worker running. The host, not the worker, holds the invocations: what a dead one had, the next one gets."""

import json
import logging
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from local.host.messages import encode, receive

MAXIMUM_WORKERS: Final = 3
QUICK_DEATH_SECONDS: Final = 2.0
INDEX_SECONDS: Final = 60.0
_log = logging.getLogger("local.host.supervisor")


class AppNotIndexed(RuntimeError):  # noqa: N818 - it says what happened
    """The worker could not index the app."""


class WorkerDied(RuntimeError):  # noqa: N818 - it says what happened
    """The invocation went down with its worker, or with three of them."""


class InvocationFailed(RuntimeError):  # noqa: N818 - it says what happened
    """The function raised."""

    def __init__(self, error: dict[str, str]) -> None:
        super().__init__(error["message"])
        self.error_type = error["type"]
        self.stack = error.get("stack", "")


@dataclass
class _Invocation:
    message: dict[str, Any]
    again: bool
    workers: int = 0
    future: Future[dict[str, Any] | None] = field(default_factory=Future)


Outbox = queue.SimpleQueue[_Invocation | None]


class Supervisor:
    """Starts the worker, hands it invocations, and starts the next one when it dies."""

    def __init__(self, app_directory: Path, settings: dict[str, str]) -> None:
        self._app_directory = app_directory
        self._environment = {**os.environ, **settings}
        self._lock = threading.RLock()
        self._in_flight: dict[int, _Invocation] = {}
        self._numbers = iter(range(1, sys.maxsize))
        self._outbox: Outbox | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self.restarts = 0

    @property
    def process_id(self) -> int | None:
        """The process that runs the app now; None between two."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> list[dict[str, Any]]:
        """Start the first worker and give the app's functions; raises AppNotIndexed."""
        connection, functions = self._start_worker()
        threading.Thread(target=self._supervise, args=[connection], name="supervisor", daemon=True).start()
        return functions

    def stop(self) -> None:
        """End the worker."""
        self._stopping = True
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def invoke(self, function_id: str, inputs: list[dict[str, Any]], *, again: bool) -> dict[str, Any] | None:
        """Invoke a function and wait for its output.

        `again` says that the next worker gets what a dead one had, as for durable work; an HTTP request dies with its
        worker. Raises InvocationFailed, WorkerDied.
        """
        number = next(self._numbers)
        invocation = _Invocation({"id": number, "functionId": function_id, "inputs": inputs}, again)
        with self._lock:
            self._in_flight[number] = invocation
            if self._outbox is not None:
                self._outbox.put(invocation)
        return invocation.future.result()

    def _is_stopping(self) -> bool:
        return self._stopping

    def _write(self, connection: socket.socket, outbox: Outbox) -> None:
        """Send to the worker, on a thread of its own: a worker that is slow to take holds up nobody else."""
        while (invocation := outbox.get()) is not None:
            try:
                connection.sendall(encode(invocation.message))
            except OSError:
                _log.info("the worker is gone; invocation %s waits for the next", invocation.message["id"])
                return
            invocation.workers += 1

    def _supervise(self, connection: socket.socket) -> None:
        while not self._stopping:
            began = time.monotonic()
            outbox: Outbox = queue.SimpleQueue()
            with self._lock:
                for invocation in self._in_flight.values():
                    outbox.put(invocation)
                self._outbox = outbox
            writer = threading.Thread(target=self._write, args=[connection, outbox], name="writer", daemon=True)
            writer.start()
            self._read(connection)
            with self._lock:
                self._outbox = None
            outbox.put(None)
            connection.shutdown(socket.SHUT_RDWR)
            writer.join()
            connection.close()
            self._after_death()
            if self._is_stopping():
                return
            if time.monotonic() - began < QUICK_DEATH_SECONDS and self.restarts > 1:
                time.sleep(QUICK_DEATH_SECONDS / 2)
            started = self._start_next_worker()
            if started is None:
                return
            connection = started

    def _start_next_worker(self) -> socket.socket | None:
        """Start workers until one has indexed the app: one may be killed while it does. None when the host ends."""
        while not self._stopping:
            self.restarts += 1
            try:
                return self._start_worker()[0]
            except AppNotIndexed as failure:
                _log.error("the next worker could not index the app: %s", failure)
                time.sleep(QUICK_DEATH_SECONDS / 2)
        return None

    def _read(self, connection: socket.socket) -> None:
        """Resolve what this worker answers. Its answers come over its own connection: none can come after its death."""
        while (message := receive(connection)) is not None:
            with self._lock:
                invocation = self._in_flight.pop(message["id"], None)
            if invocation is None:
                continue
            if "error" in message:
                invocation.future.set_exception(InvocationFailed(message["error"]))
            else:
                invocation.future.set_result(message["output"])

    def _after_death(self) -> None:
        if self._process is not None:
            _log.warning("worker %s died with exit code %s", self._process.pid, self._process.wait())
        with self._lock:
            for number, invocation in list(self._in_flight.items()):
                if not invocation.again and invocation.workers:
                    text = "the worker died during this request"
                elif invocation.workers >= MAXIMUM_WORKERS:
                    text = f"the invocation was in flight in {MAXIMUM_WORKERS} workers that died"
                else:
                    continue
                del self._in_flight[number]
                invocation.future.set_exception(WorkerDied(text))

    def _await_index(self, connection: socket.socket) -> dict[str, Any] | None:
        """Receive the first message, which says what the worker found; None where it died or took too long."""
        connection.settimeout(INDEX_SECONDS)
        try:
            return receive(connection)
        except TimeoutError:
            return None
        finally:
            connection.settimeout(None)

    def _start_worker(self) -> tuple[socket.socket, list[dict[str, Any]]]:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "local.host.worker_process", str(theirs.fileno()), str(self._app_directory)]
        self._process = subprocess.Popen(
            command,
            pass_fds=[theirs.fileno()],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            cwd=Path(__file__).resolve().parents[2],
        )
        theirs.close()
        message = self._await_index(ours)
        if message is None or "failure" in message:
            self._process.kill()
            self._process.wait()
            raise AppNotIndexed(message["failure"] if message else "the worker ended before it had indexed the app")
        functions: list[dict[str, Any]] = message["functions"]
        for function in functions:
            function["bindings"] = [json.loads(binding) for binding in function["bindings"]]
        return ours, functions
