"""A provision under every transient fault at every Azure call that it makes.

Each provision meets one kind of fault, at some calls that lie far apart. Prints the table, call by fault. The calls are
those that a provision without faults makes, so that none is forgotten.
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
CALLS_AT_ONCE: Final = 3
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
    cells = list(itertools.product(groups_of(calls), TRANSIENT))
    free = list(lanes)

    def sweep(cell: tuple[list[Call], str]) -> dict[tuple[Call, str], Outcome]:
        lane = free.pop()
        try:
            return {(call, cell[1]): outcome for call, outcome in meet(lane, cell[0], *TRANSIENT[cell[1]]).items()}
        finally:
            free.append(lane)

    outcomes: dict[tuple[Call, str], Outcome] = {}
    with ThreadPoolExecutor(LANES) as pool:
        for found in pool.map(sweep, cells):
            outcomes |= found
    assert len(outcomes) == len(calls) * len(TRANSIENT)
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


def groups_of(calls: list[Call]) -> Iterator[list[Call]]:
    """Put calls together that lie far apart, and of which no two are alike."""
    for nth in (1, 2):
        alike = [call for call in calls if call.nth == nth]
        groups = -(-len(alike) // CALLS_AT_ONCE)
        yield from (alike[first::groups] for first in range(groups))


def generalize(path: str, subject: Subject, operation_id: str) -> str:
    path = path.replace(operation_id, "{name}-[^/]+").replace(subject.group, "{group}").replace(subject.name, "{name}")
    return "^" + re.sub(r"/[0-9a-f]{32}$", "/[^/]+", path).replace(subject.subscription, "{subscription}") + "$"


def meet(lane: Lane, calls: list[Call], effect: Effect, count: int) -> dict[Call, Outcome]:
    """Let one provision meet a fault at some calls, and say what is not as it must be."""
    subject = lane.subject()
    control = lane.stack.control
    faults = {call: control.inject_fault(fault_at(call, subject, effect, count)) for call in calls}
    operation = lane.provision(subject)
    met = {call: control.remove_fault(fault) for call, fault in faults.items()}
    problem = find_problem(lane.stack, subject, operation)
    control.forget_hsm(subject.name)
    return {call: Outcome(met[call], problem) for call in calls}


def fault_at(call: Call, subject: Subject, effect: Effect, count: int) -> NewFault:
    return NewFault(
        service=call.service,
        method=call.method,
        host=call.host.format(**subject._asdict()),
        path=call.path.format(**subject._asdict()),
        skip=call.nth - 1,
        count=count,
        effect=effect,
    )


def show(calls: list[Call], outcomes: dict[tuple[Call, str], Outcome]) -> None:
    """Print the table: how often each fault was met; a provision that did not get over it is marked."""
    table = Table("call", *TRANSIENT)
    for call in calls:
        cells = [outcomes[call, fault] for fault in TRANSIENT]
        table.add_row(str(call), *(f"{'FAILED ' if cell.problem else ''}{cell.met}" for cell in cells))
    Console(width=200).print(table)
