"""What the local host costs over durabletask's plain in-memory backend, which keeps nothing and needs no app.

Run from the repository: `.venv/bin/python -m benchmarks.local_host`. Exits 1 where a limit is passed. Both run the same
functions (benchmarks/local_host_app) and are called over gRPC by the same client, in turn:

- orchestrations a second, of three activities and a timer each; the timer's own second is taken off both;
- how long after the call for an orchestration its only activity begins, when nothing else runs;
- memory and threads with instances that wait on timers.
"""

import logging
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

from durabletask.client import OrchestrationState, OrchestrationStatus, TaskHubGrpcClient
from rich.console import Console
from rich.table import Table

from local.host.launch import start_local_host

APP: Final = Path(__file__).parent / "local_host_app"
ROUNDS: Final = 3
ORCHESTRATIONS: Final = 200
ACTIVITIES: Final = 40
WAITING: Final = 2000
TIMER_SECONDS: Final = 1.0
COST_LIMIT: Final = 2.5
IDLE_LIMIT_MILLISECONDS: Final = 50.0
MEMORY_LIMIT_MEGABYTES: Final = 150.0


class Side(NamedTuple):
    """One of the two that are compared."""

    client: TaskHubGrpcClient
    process_id: int


class Figures(NamedTuple):
    """What was measured of one."""

    seconds: float
    idle_milliseconds: float
    memory_before: float
    memory: float
    threads_more: int


def main() -> int:
    """Measure both in turn, print a table, and hold ours against the limits."""
    plain_process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.plain_backend"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert plain_process.stdout is not None
        address = plain_process.stdout.readline().strip()
        with tempfile.TemporaryDirectory() as directory:
            host = start_local_host(APP, Path(directory), {})
            try:
                plain = Side(_open_client(address), plain_process.pid)
                ours = Side(_open_client(host.durable_address), host.process.process_id)
                return compare(plain, ours)
            finally:
                host.process.stop()
    finally:
        plain_process.kill()
        plain_process.communicate()


def compare(plain: Side, ours: Side) -> int:
    """Measure and judge."""
    for side in (plain, ours):
        run_many(side)
    seconds = [(run_many(plain), run_many(ours)) for _ in range(ROUNDS)]
    cost = statistics.median(mine / theirs for theirs, mine in seconds)
    plain_figures = measure(plain, statistics.median(theirs for theirs, _ in seconds))
    our_figures = measure(ours, statistics.median(mine for _, mine in seconds))
    show(plain_figures, our_figures, cost)
    kept = (
        cost <= COST_LIMIT,
        our_figures.idle_milliseconds <= IDLE_LIMIT_MILLISECONDS,
        our_figures.memory <= MEMORY_LIMIT_MEGABYTES,
        our_figures.threads_more <= 0,
    )
    return 0 if all(kept) else 1


def measure(side: Side, seconds: float) -> Figures:
    """Measure what needs no turns."""
    idle = statistics.median(time_one(side) for _ in range(ACTIVITIES))
    before, threads = read_memory(side), read_threads(side)
    start_waiting(side)
    return Figures(seconds, idle * 1000, before, read_memory(side), read_threads(side) - threads)


def show(plain: Figures, ours: Figures, cost: float) -> None:
    """Print what was measured."""
    table = Table(title=f"{ORCHESTRATIONS} orchestrations at once, {WAITING:,} instances waiting")
    for name in ("", "plain backend", "local host", "limit"):
        table.add_column(name, justify="left" if not name else "right")
    rates = [f"{ORCHESTRATIONS / figures.seconds:.0f}" for figures in (plain, ours)]
    table.add_row("orchestrations a second", *rates, "")
    table.add_row("time, ours over the plain one's", "1", f"{cost:.2f}", f"{COST_LIMIT}")
    idle = [f"{figures.idle_milliseconds:.1f} ms" for figures in (plain, ours)]
    table.add_row("idle activity begins after", *idle, f"{IDLE_LIMIT_MILLISECONDS:.0f} ms")
    table.add_row("memory before", *[f"{figures.memory_before:.0f} MB" for figures in (plain, ours)], "")
    memory = [f"{figures.memory:.0f} MB" for figures in (plain, ours)]
    table.add_row("memory with instances waiting", *memory, f"{MEMORY_LIMIT_MEGABYTES:.0f} MB")
    table.add_row("threads more", *[str(figures.threads_more) for figures in (plain, ours)], "0")
    Console().print(table)


def run_many(side: Side) -> float:
    """Run orchestrations at once, and give the seconds that they took, without the timer's own."""
    began = time.perf_counter()
    instances = [side.client.schedule_new_orchestration("work", input=number) for number in range(ORCHESTRATIONS)]
    for number, instance in enumerate(instances):
        state = _await_end(side, instance)
        if state.get_output() != number + 3:
            raise RuntimeError(state)
    return time.perf_counter() - began - TIMER_SECONDS


def time_one(side: Side) -> float:
    """Give the seconds from the call for an orchestration until its activity began."""
    called = time.time()
    instance = side.client.schedule_new_orchestration("call_once")
    return float(_await_end(side, instance).get_output() or 0.0) - called


def start_waiting(side: Side) -> None:
    """Have instances wait on timers."""
    instances = [side.client.schedule_new_orchestration("wait_long") for _ in range(WAITING)]
    for instance in instances:
        side.client.wait_for_orchestration_start(instance, timeout=60)
    # A turn later, the last ones wait too.
    time.sleep(2)


def read_memory(side: Side) -> float:
    """Give the resident memory of a process in megabytes."""
    return _read_status(side, "VmRSS") / 1024


def read_threads(side: Side) -> int:
    """Count the threads of a process."""
    return _read_status(side, "Threads")


def _read_status(side: Side, field: str) -> int:
    status = Path(f"/proc/{side.process_id}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1])


def _open_client(address: str) -> TaskHubGrpcClient:
    quiet = logging.getLogger("benchmarks.durabletask")
    quiet.setLevel(logging.ERROR)
    return TaskHubGrpcClient(host_address=address, logger=quiet)


def _await_end(side: Side, instance: str) -> OrchestrationState:
    state = side.client.wait_for_orchestration_completion(instance, timeout=60)
    if state is None or state.runtime_status != OrchestrationStatus.COMPLETED:
        raise RuntimeError(state)
    return state


if __name__ == "__main__":
    sys.exit(main())
