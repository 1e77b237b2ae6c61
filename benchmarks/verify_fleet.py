"""What the scheduled verification costs over 1,000 stored security domains, beside 100 of them.

Run from the repository: `.venv/bin/python -m benchmarks.verify_fleet`; it takes minutes. Exits 1 where a limit is
passed. One HSM is made, and its record, plan and bytes are planted again and again under other names. The worker's peak
memory is measured anew for each run; the history is looked at some fifty times a second, generation by generation.
"""

import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import grpc
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.internal.orchestrator_service_pb2_grpc import TaskHubSidecarServiceStub

from domain.verification_runs import VERIFICATION_INSTANCE, VerificationRun
from local.portal import Portal
from local.stack import Stack, register_application, running_stack
from tests.custodians import make_custodian
from tests.planting import plant_copy
from tests.test_security_domain import in_key_vault

SOURCE: Final = "fleet-source"
SIZES: Final = (100, 1000)
WRITERS: Final = 8
RUN_SECONDS: Final = 900
LOOKS_A_SECOND: Final = 50
MEMORY_RATIO_LIMIT: Final = 1.15
MEMORY_LIMIT_MEGABYTES: Final = 250.0
EVENTS_LIMIT: Final = 100
BYTES_LIMIT: Final = 64 * 1024
# All that are verified at once may ask for the same keys before the first answer came.
KEY_VAULT_LIMIT: Final = 20 * 6


class Generation(NamedTuple):
    """The most that was seen of one generation's history."""

    events: int = 0
    size: int = 0


class Measured(NamedTuple):
    """One run."""

    run: VerificationRun
    peak_megabytes: float
    generations: list[Generation]
    key_vault_reads: int


def main() -> int:
    """Plant, measure, and hold against the limits."""
    with (
        tempfile.TemporaryDirectory() as directory,
        running_stack(Path(directory) / "run", provisioning_seconds=0, activation_seconds=0) as stack,
    ):
        make_source(stack)
        operator = Portal(stack, register_application(stack.control, "operator", ["Hsm.Operate"]))
        # What every worker loads once is not what a run costs.
        measure(stack, operator)
        measured = []
        planted = 1
        for size in SIZES:
            plant(stack, range(planted, size))
            planted = size
            measured.append(measure(stack, operator))
            show(size, measured[-1])
    few, many = measured
    ratio = many.peak_megabytes / few.peak_megabytes
    print(f"peak memory at {SIZES[1]:,} over that at {SIZES[0]}: {ratio:.2f} (limit {MEMORY_RATIO_LIMIT})")
    kept = (
        ratio <= MEMORY_RATIO_LIMIT,
        many.peak_megabytes <= MEMORY_LIMIT_MEGABYTES,
        max(generation.events for generation in many.generations) <= EVENTS_LIMIT,
        max(generation.size for generation in many.generations) <= BYTES_LIMIT,
        many.key_vault_reads <= KEY_VAULT_LIMIT,
        many.run.counts.verified == SIZES[1],
    )
    return 0 if all(kept) else 1


def make_source(stack: Stack) -> None:
    """Make the HSM whose security domain is planted again and again."""
    custodians = [make_custodian(f"Custodian {number}") for number in range(3)]
    portal = Portal(stack)
    response = portal.put_hsm(SOURCE, in_key_vault(stack, custodians, SOURCE))
    response.raise_for_status()
    operation = portal.follow(response.json()["id"])
    if operation["status"] != "Succeeded":
        raise RuntimeError(operation)


def plant(stack: Stack, numbers: range) -> None:
    """Plant more HSMs, several at once."""
    began = time.perf_counter()
    with ThreadPoolExecutor(WRITERS) as pool:
        for _ in pool.map(lambda number: plant_copy(stack, SOURCE, f"fleet-{number:04}"), numbers):
            pass
    print(f"planted {len(numbers):,} stored security domains in {time.perf_counter() - began:.0f} s")


def measure(stack: Stack, operator: Portal) -> Measured:
    """Run the verification once, from the schedule's own function to its record."""
    status = Path(f"/proc/{stack.host.worker_process_id()}")
    # The peak counts from now on (source: Linux, Documentation/filesystems/proc.rst).
    (status / "clear_refs").write_text("5")
    since = len(stack.control.journal("key_vault"))
    with watched_history(stack) as generations:
        run = run_once(stack, operator)
    (line,) = (line for line in (status / "status").read_text().splitlines() if line.startswith("VmHWM:"))
    reads = [entry for entry in stack.control.journal("key_vault")[since:] if entry["status"] == 200]
    return Measured(run, int(line.split()[1]) / 1024, list(generations.values()), len(reads))


def run_once(stack: Stack, operator: Portal) -> VerificationRun:
    """Start it, and wait for its end; raises TimeoutError."""
    before = read_runs(operator).get("lastRun")
    stack.host.fire("start_security_domain_verification")
    deadline = time.monotonic() + RUN_SECONDS
    while time.monotonic() < deadline:
        runs = read_runs(operator)
        if not runs["running"] and runs.get("lastRun") not in (None, before):
            return VerificationRun.model_validate(runs["lastRun"])
        time.sleep(1)
    message = f"the run did not end in {RUN_SECONDS} s"
    raise TimeoutError(message)


def read_runs(operator: Portal) -> dict[str, Any]:
    """Read how the runs are."""
    response = operator.send("GET", "security-domains/verification")
    response.raise_for_status()
    document: dict[str, Any] = response.json()
    return document


@contextmanager
def watched_history(stack: Stack) -> Iterator[dict[str, Generation]]:
    """Keep the most that is seen of each generation of the run's history, by its execution."""
    seen: dict[str, Generation] = {}
    ended = threading.Event()
    with grpc.insecure_channel(stack.host.durable_address) as channel:
        stub = TaskHubSidecarServiceStub(channel)  # type: ignore[no-untyped-call]
        earlier: dict[str, Generation] = {}
        with suppress(grpc.RpcError):
            look(stub, earlier)

        def watch() -> None:
            while not ended.wait(1 / LOOKS_A_SECOND):
                # Before the first run there is no such instance.
                with suppress(grpc.RpcError):
                    look(stub, seen)

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield seen
        finally:
            ended.set()
            thread.join()
            for execution in earlier:
                seen.pop(execution, None)


def look(stub: TaskHubSidecarServiceStub, seen: dict[str, Generation]) -> None:
    """Look at the history once."""
    chunks = stub.StreamInstanceHistory(pb.StreamInstanceHistoryRequest(instanceId=VERIFICATION_INSTANCE))
    events = [event for chunk in chunks for event in chunk.events]
    started = [event.executionStarted for event in events if event.HasField("executionStarted")]
    if started:
        execution = started[0].orchestrationInstance.executionId.value
        before = seen.get(execution, Generation())
        size = sum(event.ByteSize() for event in events)
        seen[execution] = Generation(max(before.events, len(events)), max(before.size, size))


def show(size: int, measured: Measured) -> None:
    """Print what was measured."""
    generations = measured.generations
    events = [generation.events for generation in generations]
    sizes = [generation.size for generation in generations]
    counts = measured.run.counts
    print(f"{size:,} stored security domains: {counts.verified:,} verified in {measured.run.seconds:.0f} s")
    print(f"  peak memory of the worker:       {measured.peak_megabytes:.0f} MB (limit {MEMORY_LIMIT_MEGABYTES:.0f})")
    print(f"  events of the longest generation: {max(events)} (limit {EVENTS_LIMIT}), of all: {sum(events):,}")
    print(f"  bytes of the longest generation: {max(sizes):,} (limit {BYTES_LIMIT:,}), of all: {sum(sizes):,}")
    print(f"  reads of Key Vault:              {measured.key_vault_reads} (limit {KEY_VAULT_LIMIT})")
    print(f"  generations seen:                {len(generations)}")


if __name__ == "__main__":
    sys.exit(main())
