"""A provision under every transient fault at every Azure call that it makes, one at a time.

Prints the table, call by fault. The calls are those that a provision without faults makes, so that none is forgotten.
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from rich.console import Console
from rich.table import Table

from local.azure.control.models import NewFault, ServiceName
from local.azure.core.faults import Answer, BrokenBody, Delay, Effect, Reset
from local.stack import Stack, running_stack
from tests.custodians import Custodian
from tests.faults.lanes import Lane, Subject, find_problem

pytestmark = pytest.mark.faults

LANES: Final = 10
# The worker runs functions on few threads by default, and a delayed call holds one.
SETTINGS: Final = {"PYTHON_THREADPOOL_THREAD_COUNT": "16"}
SERVICES: Final = ("resource_manager", "managed_hsm", "key_vault", "blob_storage")
TRANSIENT: Final[dict[str, tuple[Effect, int]]] = {
    "delay": (Delay(seconds=1), 1),
    "429": (Answer(status=429, retry_after_seconds=1), 1),
    "503": (Answer(status=503, retry_after_seconds=1), 1),
    "500": (Answer(status=500), 1),
    "reset before": (Reset(phase="before"), 1),
    "reset after": (Reset(phase="after"), 1),
    "truncated": (BrokenBody(form="truncated"), 1),
    "not JSON": (BrokenBody(form="not_json"), 1),
    "403 twice": (Answer(status=403), 2),
}


class Call(NamedTuple):
    """A call that a provision makes; `nth` of those that are alike."""

    service: ServiceName
    method: str
    host: str
    path: str
    nth: int

    def __str__(self) -> str:
        return f"{self.service} {self.method} {self.path}" + (f" #{self.nth}" if self.nth > 1 else "")


class Outcome(NamedTuple):
    """How a provision ended under a fault."""

    met: int
    problem: str


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    directory: Path = tmp_path_factory.mktemp("swept") / "run"
    with running_stack(directory, provisioning_seconds=0.3, activation_seconds=0.3, settings=SETTINGS) as running:
        yield running


def test_a_provision_succeeds_under_every_transient_fault_at_every_call(swept: Stack, keys: list[Custodian]) -> None:
    lanes = [Lane(swept, keys, number) for number in range(LANES)]
    calls = find_calls(lanes[0])
    assert len(calls) > 30
    cells = list(itertools.product(calls, TRANSIENT))
    free = list(lanes)

    def sweep(cell: tuple[Call, str]) -> Outcome:
        lane = free.pop()
        try:
            return meet(lane, cell[0], *TRANSIENT[cell[1]])
        finally:
            free.append(lane)

    with ThreadPoolExecutor(LANES) as pool:
        outcomes = dict(zip(cells, pool.map(sweep, cells), strict=True))
    show(calls, outcomes)
    assert {str(cell): outcome.problem for cell, outcome in outcomes.items() if outcome.problem} == {}
    first = [outcome.met for (call, _), outcome in outcomes.items() if call.nth == 1]
    assert min(first) >= 1, "a fault was not met"


def find_calls(lane: Lane) -> list[Call]:
    """Name the calls that a provision makes, without what is its alone: the first of each kind, and the second."""
    subject = lane.subject()
    since = len(lane.stack.control.journal())
    operation = lane.provision(subject)
    assert operation["status"] == "Succeeded", operation
    counts: Counter[tuple[str, str, str, str]] = Counter()
    calls: dict[Call, None] = {}
    for entry in lane.stack.control.journal(since=since):
        if entry["service"] not in SERVICES:
            continue
        host = "{name}" if entry["service"] == "managed_hsm" else ""
        kind = (entry["service"], entry["method"], host, generalize(entry["path"], subject, operation["id"]))
        counts[kind] += 1
        if counts[kind] <= 2:
            calls[Call(*kind, nth=counts[kind])] = None
    return list(calls)


def generalize(path: str, subject: Subject, operation_id: str) -> str:
    path = path.replace(operation_id, "{name}-[^/]+").replace(subject.group, "{group}").replace(subject.name, "{name}")
    return "^" + re.sub(r"/[0-9a-f]{32}$", "/[^/]+", path).replace(subject.subscription, "{subscription}") + "$"


def meet(lane: Lane, call: Call, effect: Effect, count: int) -> Outcome:
    """Let one provision meet a fault at one call, and say what is not as it must be."""
    subject = lane.subject()
    control = lane.stack.control
    fault = control.inject_fault(
        NewFault(
            service=call.service,
            method=call.method,
            host=call.host.format(**subject._asdict()),
            path=call.path.format(**subject._asdict()),
            skip=call.nth - 1,
            count=count,
            effect=effect,
        )
    )
    operation = lane.provision(subject)
    met = control.remove_fault(fault)
    problem = find_problem(lane.stack, subject, operation)
    control.forget_hsm(subject.name)
    return Outcome(met, problem)


def show(calls: list[Call], outcomes: dict[tuple[Call, str], Outcome]) -> None:
    """Print the table: how often each fault was met; a provision that did not get over it is marked."""
    table = Table("call", *TRANSIENT)
    for call in calls:
        cells = [outcomes[call, fault] for fault in TRANSIENT]
        table.add_row(str(call), *(f"{'FAILED ' if cell.problem else ''}{cell.met}" for cell in cells))
    Console(width=200).print(table)
