"""Chains of audit records: what the rules allow has no fault, and whatever was done to one afterwards is found."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.audit import (
    LARGEST_RECORD,
    AuditEvent,
    AuditRecord,
    check_chain,
    check_refusal,
    parse_path,
    printable,
    refusal_path,
    seal,
    unseal,
)
from domain.caller import Principal
from domain.records import sha256_of

OPERATION = "contoso-hsm-01M865QVTX4E83NPAB5GCA8VE5"
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
PERSON = Principal(tenant_id="t", object_id="o", kind="person")
DIGEST = "0" * 64


def event(kind: str, step: str | None = None, **fields: Any) -> AuditEvent:
    return AuditEvent.model_validate({"operation_id": OPERATION, "at": NOON, "kind": kind, "step": step, **fields})


def chain(events: Sequence[AuditEvent]) -> dict[int, bytes]:
    blobs: dict[int, bytes] = {}
    for number, each in enumerate(events, 1):
        previous = sha256_of(blobs[number - 1]) if number > 1 else None
        blobs[number] = seal(AuditRecord(**dict(each), number=number, previous_sha256=previous))
    return blobs


def faults(blobs: dict[int, bytes]) -> list[tuple[int, str]]:
    return [(fault.number, fault.text) for fault in check_chain(OPERATION, blobs).faults]


@st.composite
def stories(draw: st.DrawFn, *, closed: bool = True) -> list[AuditEvent]:
    """An operation as it may go: killed activities, records that were written twice, and others in between."""
    told = [event("accepted", actor=PERSON, hsm="contoso-hsm")]
    for step in draw(st.lists(st.sampled_from(["preflight", "provision_hsm", "await_ready"]), max_size=4)):
        told += [event("intent", step, attempt=attempt) for attempt in range(draw(st.integers(1, 3)))]
        told.append(event("result", step, outcome=draw(st.sampled_from(["done", "wait", "azure_throttled"]))))
    for other in draw(st.lists(st.sampled_from(["refused", "decision", "cancel"]), max_size=2)):
        told.insert(draw(st.integers(1, len(told))), event(other, actor=PERSON, detail={"why": draw(st.text())}))
    told = [each for each in told for _ in range(draw(st.integers(1, 2)))]
    return [*told, event("ended", outcome="Succeeded")] if closed else told


@given(stories())
def test_a_chain_by_the_rules_has_no_fault(told: list[AuditEvent]) -> None:
    assert check_chain(OPERATION, chain(told)) == (True, [])


@given(stories(closed=False), st.data())
def test_the_beginning_of_a_chain_is_open_and_has_no_fault(told: list[AuditEvent], data: st.DataObject) -> None:
    length = data.draw(st.integers(0, len(told)))
    assert check_chain(OPERATION, chain(told[:length])) == (False, [])


@given(stories(), st.data())
def test_a_changed_byte_is_found_in_its_record(told: list[AuditEvent], data: st.DataObject) -> None:
    blobs = chain(told)
    number = data.draw(st.sampled_from(sorted(blobs)))
    position = data.draw(st.integers(0, len(blobs[number]) - 1))
    changed = bytearray(blobs[number])
    changed[position] ^= data.draw(st.integers(1, 255))
    blobs[number] = bytes(changed)
    assert (number, "these are not the bytes that were written") in faults(blobs)


@given(stories(), st.data())
def test_a_removed_record_leaves_a_gap_or_an_open_chain(told: list[AuditEvent], data: st.DataObject) -> None:
    blobs = chain(told)
    number = data.draw(st.sampled_from(sorted(blobs)))
    del blobs[number]
    if number <= len(blobs):
        assert (number, "missing") in faults(blobs)
    else:
        assert check_chain(OPERATION, blobs) == (False, [])


@given(stories(), st.data())
def test_swapped_records_are_found(told: list[AuditEvent], data: st.DataObject) -> None:
    blobs = chain(told)
    one, other = data.draw(st.lists(st.sampled_from(sorted(blobs)), min_size=2, max_size=2, unique=True))
    blobs[one], blobs[other] = blobs[other], blobs[one]
    assert {one, other} <= {number for number, _ in faults(blobs)}


@given(stories(), st.data())
def test_an_inserted_record_is_found(told: list[AuditEvent], data: st.DataObject) -> None:
    contents = list(chain(told).values())
    copied, place = data.draw(st.sampled_from(contents)), data.draw(st.integers(0, len(contents)))
    contents.insert(place, copied)
    assert faults(dict(enumerate(contents, 1)))


@given(stories(), st.data())
def test_a_record_that_was_written_anew_does_not_fit_the_next(told: list[AuditEvent], data: st.DataObject) -> None:
    blobs = chain(told)
    number = data.draw(st.integers(1, len(blobs) - 1))
    record = unseal(blobs[number])
    blobs[number] = seal(record.model_copy(update={"at": record.at + timedelta(seconds=1)}))
    assert faults(blobs) == [(number + 1, "the record before it is not the one it names")]


INTENT, RESULT = event("intent", "preflight"), event("result", "preflight")
ACCEPTED, ENDED = event("accepted"), event("ended")
REOPENED = [ACCEPTED, ENDED, event("intent", "record_operation")]


@pytest.mark.parametrize(
    ("told", "closed", "found"),
    [
        ([], False, []),
        ([ACCEPTED, INTENT, ENDED], True, [(2, "nothing says what came of preflight")]),
        ([ACCEPTED, INTENT, INTENT, ENDED], True, [(3, "nothing says what came of preflight")]),
        ([ACCEPTED, INTENT, ENDED, RESULT], True, []),
        ([ACCEPTED, INTENT], False, []),
        ([ACCEPTED, RESULT], False, [(2, "a result of preflight, which was not announced")]),
        ([ACCEPTED, RESULT, INTENT, RESULT], False, [(2, "a result of preflight, which was not announced")]),
        ([ACCEPTED, INTENT, RESULT, RESULT, ENDED], True, []),
        ([ACCEPTED, ENDED, event("refused"), event("cancel")], True, []),
        (REOPENED, False, []),
        ([*REOPENED, event("result", "record_operation"), ENDED], True, []),
        ([event("accepted", hsm="another-hsm")], False, [(1, "it is of another HSM")]),
        ([event("accepted", operation_id=f"b{OPERATION}")], False, [(1, "it is of another operation")]),
    ],
)
def test_what_a_chain_tells(told: list[AuditEvent], closed: bool, found: list[tuple[int, str]]) -> None:
    assert check_chain(OPERATION, chain(told)) == (closed, found)


@pytest.mark.parametrize(
    ("fields", "number", "found"),
    [
        ({"number": 2}, 1, [(1, "it is number 2 of its chain")]),
        ({"previous_sha256": DIGEST}, 1, [(1, "it is the first and names one before it")]),
        ({"number": 2}, 2, [(1, "missing")]),
        ({"number": 999_999}, 999_999, [(1, "missing, and all up to number 999998")]),
        ({}, 0, [(0, "it is number 1 of its chain")]),
    ],
)
def test_a_record_in_the_wrong_place(fields: dict[str, Any], number: int, found: list[tuple[int, str]]) -> None:
    record = AuditRecord(**{**dict(ACCEPTED), "number": 1, **fields})
    assert faults({number: seal(record)}) == found


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"\xff\xfe",
        b"[" * LARGEST_RECORD,
        seal(AuditRecord(**dict(ACCEPTED), number=1)) + b"\n",
        b" " * LARGEST_RECORD + seal(AuditRecord(**dict(ACCEPTED), number=1)),
    ],
)
def test_what_is_no_record_is_told_in_our_words(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"^these are not the bytes that were written$"):
        unseal(content)


def test_a_sealed_text_that_is_no_record() -> None:
    text = b'{"kind":"accepted","secret":"s"}'
    sealed = text[:-1] + b',"checksum":"' + sha256_of(text).encode() + b'"}'
    with pytest.raises(ValueError, match=r"^this is not an audit record$"):
        unseal(sealed)


ANY_TEXT = st.text(st.characters(codec=None), max_size=600)
DETAILS = st.dictionaries(
    st.from_regex(r"[a-z][A-Za-z0-9]{0,39}", fullmatch=True),
    ANY_TEXT | st.booleans() | st.integers(-(2**53), 2**53) | st.none(),
    max_size=16,
)


@given(DETAILS, ANY_TEXT)
def test_whatever_a_caller_writes_is_kept_bounded_and_printable(detail: dict[str, Any], text: str) -> None:
    record = AuditRecord(
        **{**dict(ACCEPTED), "detail": detail, "client_request_id": text, "request_id": text}, number=1
    )
    content = seal(record)
    assert unseal(content) == record
    assert len(content) <= LARGEST_RECORD
    assert content.decode().isprintable()
    for name, value in detail.items():
        kept = record.detail[name]
        assert type(kept) is type(value)
        assert kept == value if not isinstance(value, str) else len(str(kept)) <= 256


def test_the_largest_record_can_be_read() -> None:
    widest = "\U0001f511" * 300
    detail = {f"{'n' * 38}{number:02}": widest for number in range(16)}
    record = AuditRecord(
        **{**dict(ACCEPTED), "detail": detail, "client_request_id": widest, "request_id": widest}, number=999_999
    )
    assert unseal(seal(record)) == record


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\nb", "a\\nb"), ("\x1b[2J", "\\x1b[2J"), ("\u202e", "\\u202e"), ("\ud800", "\\ud800"), ("Ä \\ é", "Ä \\ é")],
)
def test_no_terminal_acts_on_what_is_shown(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(shown) == shown


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "accepted", "operation_id": None},
        {"kind": "intent"},
        {"kind": "result"},
        {"kind": "other"},
        {"kind": "accepted", "hsm": "../x"},
        {"kind": "accepted", "hsm": "a--b"},
        {"kind": "accepted", "team": "Team A"},
        {"kind": "accepted", "operation_id": "x"},
        {"kind": "accepted", "operation_id": f"{OPERATION}\n"},
        {"kind": "ended", "outcome": "a sentence is no word"},
        {"kind": "accepted", "detail": {"a": [1]}},
        {"kind": "accepted", "detail": {"a": 2**60}},
        {"kind": "accepted", "detail": {"a": 0.5}},
        {"kind": "accepted", "detail": {"No name": 1}},
        {"kind": "accepted", "detail": {f"n{number}": 1 for number in range(17)}},
        {"kind": "accepted", "at": datetime(2026, 11, 1)},  # noqa: DTZ001 - that is the point
    ],
)
def test_what_cannot_be_recorded(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AuditEvent.model_validate({"operation_id": OPERATION, "at": NOON, **fields})


REFUSED = AuditRecord(at=NOON, kind="refused", outcome="role_missing", number=1)


@pytest.mark.parametrize(
    ("record", "day", "found"),
    [
        (REFUSED, "2026-11-01", []),
        (REFUSED, "2026-11-02", ["it is of another day"]),
        (REFUSED.model_copy(update={"operation_id": OPERATION}), "2026-11-01", ["it belongs into a chain"]),
        (REFUSED.model_copy(update={"previous_sha256": DIGEST}), "2026-11-01", ["it belongs into a chain"]),
        (REFUSED.model_copy(update={"number": 2}), "2026-11-01", ["it belongs into a chain"]),
    ],
)
def test_a_refusal_stands_alone(record: AuditRecord, day: str, found: list[str]) -> None:
    assert check_refusal(day, seal(record)) == found


def test_a_refusal_that_was_changed() -> None:
    assert check_refusal("2026-11-01", seal(REFUSED).replace(b"role", b"rule")) == [
        "these are not the bytes that were written"
    ]


ULID = OPERATION[-26:]


@pytest.mark.parametrize(
    ("path", "parsed"),
    [
        (f"operations/{OPERATION}/000007.json", (OPERATION, 7)),
        (f"refusals/2026-11-01/{ULID}.json", (None, 1)),
        (f"operations/{OPERATION}/7.json", None),
        (f"operations/{OPERATION}/000007.json/", None),
        (f"operations/{OPERATION}/00000\u0667.json", None),
        (f"operations/../{OPERATION}/000007.json", None),
        (f"refusals/today/{ULID}.json", None),
        (f"{OPERATION}/000007.json", None),
        ("", None),
    ],
)
def test_paths(path: str, parsed: tuple[str | None, int] | None) -> None:
    assert parse_path(path) == parsed


def test_a_refusal_lies_under_its_day_in_utc() -> None:
    late = datetime.fromisoformat("2026-11-01T23:30:00-02:00")
    assert refusal_path(late, ULID) == f"refusals/2026-11-02/{ULID}.json"
