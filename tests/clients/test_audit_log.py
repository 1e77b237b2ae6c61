"""The audit log on real blob storage: one unbroken chain whoever writes, and what auditors read of it."""

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ulid import ULID

from clients import audit_log
from clients.audit_log import append, record_alone, record_intent, record_result
from clients.audit_search import Query, list_records
from domain.audit import AuditEvent, AuditRecord, chain_path, check_chain, parse_path, seal, unseal
from domain.caller import Principal
from domain.errors import ServiceError
from domain.records import sha256_of
from local.azure.control.models import NewFault
from local.azure.core.faults import Answer, BrokenBody, Reset
from local.child_process import REPOSITORY
from local.copy_container import copy_container
from local.stack import Stack
from tests import stored
from tests.in_process import signed_in_as_the_app

NUMBERS = itertools.count(1)
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
APPLICATION = Principal(tenant_id="t", object_id="o", kind="application")


@pytest.fixture(autouse=True, scope="module")
def as_the_app(stack: Stack) -> Iterator[None]:
    with signed_in_as_the_app(stack):
        yield


@pytest.fixture(autouse=True)
def without_faults(stack: Stack) -> Iterator[None]:
    yield
    stack.control.clear_faults()


@pytest.fixture
def hsm() -> str:
    return f"audited-{next(NUMBERS)}"


@pytest.fixture
def operation(hsm: str) -> str:
    return new_operation(hsm)


def new_operation(hsm: str, at: datetime = NOON) -> str:
    return f"{hsm}-{ULID.from_datetime(at)}"


def event(operation_id: str | None, kind: str = "accepted", at: datetime = NOON, **fields: Any) -> AuditEvent:
    return AuditEvent.model_validate({"operation_id": operation_id, "at": at, "kind": kind, **fields})


def read_chain(stack: Stack, operation: str) -> dict[int, bytes]:
    container = stored.service(stack).get_container_client("audit")
    names = container.list_blob_names(name_starts_with=f"operations/{operation}/")
    return {
        parsed.number: container.download_blob(name).readall()
        for name in names
        if (parsed := parse_path(name)) is not None
    }


def calls(stack: Stack, begun: int) -> list[tuple[str, str]]:
    entries = stack.control.journal("blob_storage", since=begun)
    return [
        (entry["method"], entry["path"].rpartition("/")[2]) for entry in entries if entry["path"].startswith("/audit")
    ]


def mark(stack: Stack) -> int:
    return len(stack.control.journal())


def test_one_call_before_a_step_and_one_after(stack: Stack, operation: str, hsm: str) -> None:
    append(event(operation, actor=APPLICATION, hsm=hsm, team="team-a"))
    begun = mark(stack)
    intent = record_intent(operation, "provision_hsm", attempt=1, team="team-a", detail={"sku": "Standard_B1"})
    result = record_result(intent, "done", {"tries": 2})
    append(event(operation, "ended", outcome="Succeeded"))
    assert calls(stack, begun) == [("PUT", f"{number:06}.json") for number in (2, 3, 4)]
    chain = read_chain(stack, operation)
    assert check_chain(operation, chain) == (True, [])
    assert [unseal(chain[2]), unseal(chain[3])] == [intent, result]
    assert (result.hsm, result.team, result.step, result.attempt) == (hsm, "team-a", "provision_hsm", 1)
    assert (intent.actor, intent.detail, result.detail) == (None, {"sku": "Standard_B1"}, {"tries": 2})


WRITER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from clients.audit_log import record_intent

operation, writer = sys.argv[1:]
def write(number):
    record_intent(operation, "preflight", detail={"writer": writer, "number": number})
with ThreadPoolExecutor(3) as pool:
    list(pool.map(write, range(8)))
"""


def test_writers_side_by_side_make_one_unbroken_chain(stack: Stack, operation: str) -> None:
    command = [sys.executable, "-c", WRITER, operation]
    writers = [subprocess.Popen([*command, name], cwd=REPOSITORY, env=dict(os.environ)) for name in ("a", "b", "c")]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    chain = read_chain(stack, operation)
    assert check_chain(operation, chain) == (False, [])
    written = [tuple(unseal(content).detail.values()) for content in chain.values()]
    assert sorted(written) == sorted((name, number) for name in ("a", "b", "c") for number in range(8))


def test_threads_share_what_they_know_of_a_chain(stack: Stack, operation: str) -> None:
    def write(number: int) -> AuditRecord:
        return append(event(operation, "refused", detail={"number": number}))

    with ThreadPoolExecutor(8) as pool:
        records = list(pool.map(write, range(40)))
    assert sorted(record.number for record in records) == list(range(1, 41))
    assert check_chain(operation, read_chain(stack, operation)) == (False, [])


def test_a_chain_that_others_carried_on_far_is_carried_on(stack: Stack, operation: str) -> None:
    append(event(operation))
    ours = audit_log._chains.find(operation).head
    for _ in range(20):
        append(event(operation, "refused"))
    audit_log._chains.find(operation).head = ours
    assert append(event(operation, "ended")).number == 22
    assert check_chain(operation, read_chain(stack, operation)) == (True, [])


def test_the_chains_that_are_remembered_are_bounded() -> None:
    chains = audit_log._Chains()
    first = chains.find("operation 0")
    assert chains.find("operation 0") is first
    for number in range(2000):
        chains.find(f"operation {number}")
    assert len(chains._chains) == 1024
    assert chains.find("operation 0") is not first


@pytest.mark.parametrize(
    ("effect", "retryable"),
    [
        (Answer(status=503), True),
        (Answer(status=500), True),
        (Answer(status=403), True),
        (Answer(status=404, code="ContainerNotFound"), False),
        (Answer(status=429, retry_after_seconds=7), True),
        (Reset(phase="before"), True),
    ],
)
def test_what_cannot_be_recorded_is_an_error_and_nothing_is_half_written(
    stack: Stack, operation: str, effect: Answer | Reset, retryable: bool
) -> None:
    append(event(operation))
    stack.control.inject_fault(
        NewFault(service="blob_storage", method="PUT", path=f"/audit/operations/{operation}", effect=effect, count=20)
    )
    with pytest.raises(ServiceError) as raised:
        record_intent(operation, "provision_hsm")
    detail = raised.value.detail
    assert (type(raised.value), detail.code, detail.retryable) == (ServiceError, "audit_unavailable", retryable)
    assert list(read_chain(stack, operation)) == [1]
    stack.control.clear_faults()
    record_result(record_intent(operation, "provision_hsm"), "done")
    append(event(operation, "ended"))
    chain = read_chain(stack, operation)
    assert (len(chain), check_chain(operation, chain)) == (4, (True, []))


def test_a_refusal_that_cannot_be_recorded(stack: Stack) -> None:
    stack.control.inject_fault(
        NewFault(service="blob_storage", method="PUT", path="/audit/refusals", effect=Answer(status=503), count=5)
    )
    with pytest.raises(ServiceError, match="audit_unavailable"):
        record_alone(event(None, "refused"))


def test_a_write_whose_answer_was_lost_is_found_again(stack: Stack, operation: str) -> None:
    append(event(operation))
    fault = stack.control.inject_fault(
        NewFault(
            service="blob_storage", method="PUT", path=f"/audit/operations/{operation}", effect=Reset(phase="after")
        )
    )
    assert record_intent(operation, "provision_hsm").number == 2
    assert stack.control.remove_fault(fault) == 1
    assert list(read_chain(stack, operation)) == [1, 2]


def test_a_write_of_which_nobody_knows_is_no_fault_when_it_is_made_again(stack: Stack, operation: str) -> None:
    append(event(operation))
    stack.control.inject_fault(
        NewFault(
            service="blob_storage",
            method="PUT",
            path=f"/audit/operations/{operation}",
            effect=Reset(phase="after"),
            count=20,
        )
    )
    with pytest.raises(ServiceError, match="audit_unavailable"):
        record_intent(operation, "provision_hsm")
    stack.control.clear_faults()
    record_result(record_intent(operation, "provision_hsm"), "done")
    append(event(operation, "ended"))
    chain = read_chain(stack, operation)
    assert [unseal(content).kind for content in chain.values()] == ["accepted", "intent", "intent", "result", "ended"]
    assert check_chain(operation, chain) == (True, [])


@pytest.mark.parametrize("content", [b"", seal(AuditRecord(**dict(event(None, "refused")), number=2))])
def test_what_was_changed_is_named_and_nothing_is_chained_to_it(stack: Stack, operation: str, content: bytes) -> None:
    for kind in ("accepted", "refused", "decision"):
        append(event(operation, kind))
    blob = stored.service(stack).get_blob_client("audit", chain_path(operation, 3))
    written = blob.download_blob().readall()
    blob.upload_blob(content, overwrite=True)
    audit_log._chains.find(operation).head = None
    with pytest.raises(ServiceError, match="audit_unavailable"):
        append(event(operation, "ended"))
    page = list_records(Query(operation=operation, begin=NOON), limit=10)
    assert [record.number for record in page.records] == [1, 2]
    assert (page.broken, page.after) == ([chain_path(operation, 3)], None)
    blob.upload_blob(written, overwrite=True, metadata={"sha256": sha256_of(written)})
    assert append(event(operation, "ended")).number == 4


def test_what_is_of_no_operation_has_no_chain(operation: str) -> None:
    with pytest.raises(ValueError, match="chain"):
        append(event(None, "refused"))
    with pytest.raises(ValueError, match="chain"):
        record_alone(event(operation, "refused"))


class Log:
    """Three operations of two HSMs at different times, and refusals, in a year of their own."""

    def __init__(self, hsm: str) -> None:
        self.noon = datetime(2030 + next(NUMBERS), 5, 1, 12, tzinfo=UTC)
        self.hsm, self.longer = hsm, f"{hsm}-b"
        self.operations = [
            self._operate(self.hsm, self.noon),
            self._operate(self.hsm, self.noon + timedelta(days=1)),
            self._operate(self.longer, self.noon),
        ]
        self.refusals = [
            record_alone(event(None, "refused", self.noon + timedelta(hours=hours), hsm=name, outcome="role_missing"))
            for hours, name in ((0, hsm), (13, None), (24, self.longer))
        ]

    @staticmethod
    def _operate(hsm: str, at: datetime) -> str:
        operation = new_operation(hsm, at)
        kinds = ("accepted", "refused", "decision", "ended")
        for hours, kind in enumerate(kinds):
            append(event(operation, kind, at + timedelta(hours=hours)))
        return operation


@pytest.fixture
def log(hsm: str) -> Log:
    return Log(hsm)


def summary(query: Query, limit: int = 200) -> list[tuple[str | None, str, int]]:
    page = list_records(query, limit=limit)
    assert (page.broken, page.after) == ([], None)
    return [(record.operation_id, record.kind, record.number) for record in page.records]


def whole(operation: str) -> list[tuple[str, str, int]]:
    return [(operation, kind, number) for number, kind in enumerate(("accepted", "refused", "decision", "ended"), 1)]


def test_records_by_operation(stack: Stack, log: Log) -> None:
    assert summary(Query(operation=log.operations[0])) == whole(log.operations[0])
    assert summary(Query(operation=log.operations[0], kind="ended")) == whole(log.operations[0])[3:]
    chain = read_chain(stack, log.operations[0])
    page = list_records(Query(operation=log.operations[0]), limit=200)
    assert [record.sha256 for record in page.records] == [sha256_of(content) for content in chain.values()]
    assert [record.previous_sha256 for record in page.records[1:]] == [record.sha256 for record in page.records[:-1]]


def test_records_by_hsm(log: Log) -> None:
    first, second, longer = log.operations
    assert summary(Query(hsm=log.hsm)) == [*whole(first), *whole(second), (None, "refused", 1)]
    assert summary(Query(hsm=log.longer)) == [*whole(longer), (None, "refused", 1)]


def test_records_by_time(log: Log) -> None:
    hours = timedelta(hours=1)
    until_three = Query(begin=log.noon, end=log.noon + 3 * hours)
    first, second, longer = log.operations
    listed = summary(until_three)
    assert sorted(listed, key=str) == sorted([*whole(first)[:3], *whole(longer)[:3], (None, "refused", 1)], key=str)
    late = Query(begin=log.noon + 13 * hours, end=log.noon + 24 * hours + timedelta(microseconds=1))
    assert summary(late) == [whole(second)[0], (None, "refused", 1), (None, "refused", 1)]
    assert summary(late._replace(end=log.noon + 24 * hours)) == [(None, "refused", 1)]


def test_records_by_kind(log: Log) -> None:
    day = Query(begin=log.noon, end=log.noon + timedelta(days=2))
    assert len(summary(day._replace(kind="refused"))) == 6
    assert len(summary(day._replace(kind="decision"))) == 3


@pytest.mark.parametrize(
    "query",
    [
        Query(operation="no operation"),
        Query(operation="../security-domains"),
        Query(hsm="a"),
        Query(hsm=""),
        Query(end=datetime(1, 1, 1, tzinfo=UTC)),
        Query(begin=datetime(9999, 1, 1, tzinfo=UTC)),
    ],
)
def test_what_cannot_exist_is_not_found(query: Query, log: Log) -> None:
    assert log.operations
    assert summary(query) == []


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_one_after_the_other_hold_each_record_once(log: Log, limit: int) -> None:
    query = Query(begin=log.noon, end=log.noon + timedelta(days=2))
    all_at_once = list_records(query, limit=200).records
    assert len(all_at_once) == 15
    paged, after = [], None
    for _ in range(30):
        page = list_records(query, limit=limit, after=after)
        paged += page.records
        after = page.after
        if after is None:
            break
    assert paged == all_at_once


def test_a_page_reads_only_so_much(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clients.audit_search._READS", 2)
    query = Query(hsm=log.hsm, kind="ended")
    page = list_records(query, limit=200)
    assert (page.records, page.after) == ([], chain_path(log.operations[0], 2))
    assert list_records(query, limit=200, after=page.after).records[0].operation_id == log.operations[0]


def test_of_a_chain_that_was_over_one_record_is_read(stack: Stack, log: Log) -> None:
    begun = mark(stack)
    assert summary(Query(hsm=log.hsm, begin=log.noon + timedelta(hours=23), kind="ended")) == [
        whole(log.operations[1])[3]
    ]
    read = [path for method, path in calls(stack, begun) if method == "GET" and path.endswith(".json")]
    assert read == ["000004.json", "000004.json", "000001.json", "000002.json", "000003.json"]


@pytest.mark.parametrize("after", ["", "x", "operations/", "refusals/../x", "operations/a&prefix=/000001.json"])
def test_a_page_begins_only_where_one_ended(after: str) -> None:
    with pytest.raises(ServiceError, match="invalid_parameter"):
        list_records(Query(), limit=1, after=after)


def test_a_listing_that_breaks_is_an_error(stack: Stack, operation: str) -> None:
    append(event(operation))
    stack.control.inject_fault(
        NewFault(service="blob_storage", method="GET", path="/audit", effect=BrokenBody(form="truncated"), count=10)
    )
    with pytest.raises(ServiceError):
        list_records(Query(operation=operation), limit=1)


def test_a_copy_of_the_container_is_checked(stack: Stack, operation: str, tmp_path: Path) -> None:
    append(event(operation))
    append(event(operation, "ended"))
    refused = record_alone(event(None, "refused"))
    copied = copy_container(stack, "audit", tmp_path / "copy")
    files = [path for path in (tmp_path / "copy").rglob("*") if path.is_file()]
    assert len(files) == copied >= 3
    chain = {int(path.stem): path.read_bytes() for path in files if path.parent.name == operation}
    assert check_chain(operation, chain) == (True, [])
    assert seal(refused) in [path.read_bytes() for path in files]
