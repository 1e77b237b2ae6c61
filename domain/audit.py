"""The audit log: who did what to which HSM, each record written once and tied to the one before it.

Container `audit`. `operations/{operation}/{number}.json` is the chain of an operation: each record holds the SHA-256 of
the bytes of the one before. `refusals/{day}/{ULID}.json` is a request that was refused before there was an operation,
or a new subscription for which none is begun; these stand alone.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Annotated, Final, Literal, NamedTuple, Self

from pydantic import AwareDatetime, BeforeValidator, Field, ValidationError, model_validator

from domain.caller import Principal
from domain.model import Model
from domain.names import HSM_NAME, OPERATION_ID, hsm_of_operation
from domain.records import sha256_of

Kind = Literal[
    "accepted",
    "intent",
    "result",
    "decision",
    "cancel",
    "ended",
    "refused",
    "share_check",
    "hold",
    "group_deletion",
    "scheduled_backup",
    "closing",
    "onboarding",
]
OPERATIONS: Final = "operations/"
REFUSALS: Final = "refusals/"
ALONE: Final[tuple[Kind, ...]] = ("refused", "onboarding")
"""What may be of no operation."""
LARGEST_RECORD: Final = 32_768
_LONGEST_TEXT: Final = 256
_ULID: Final = "[0-7][0-9A-HJKMNP-TV-Z]{25}"
_CHAIN_PATH: Final = re.compile(rf"operations/(?P<operation>{OPERATION_ID.pattern})/(?P<number>[0-9]{{6}})\.json")
_REFUSAL_PATH: Final = re.compile(rf"refusals/[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}/{_ULID}\.json")
_SEALED: Final = re.compile(rb'(\{.+),"checksum":"([0-9a-f]{64})"\}', re.DOTALL)


def printable(text: str) -> str:
    """Write what no terminal should act on as escapes, such as line ends, control characters and lone surrogates."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def _bound(value: object) -> object:
    """Make any text fit: what a caller wrote must not be able to keep a record from being written."""
    if not isinstance(value, str):
        return value
    text = printable(value)
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"


_Text = Annotated[str, BeforeValidator(_bound)]
_DetailName = Annotated[str, Field(pattern=r"^[a-z][A-Za-z0-9]{0,39}$")]
_Number = Annotated[int, Field(strict=True, ge=-(2**53), le=2**53)]
_Word = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]


class AuditEvent(Model):
    """Something to be recorded: who did what, and what came of it. It never holds anything secret."""

    operation_id: Annotated[str, Field(pattern=f"^{OPERATION_ID.pattern}$")] | None = None
    """The operation that it belongs to. Absent for a request that was refused, and a decision to begin none."""
    at: AwareDatetime
    """When it happened."""
    kind: Kind
    """What happened; docs/auditors.md says when each is recorded."""
    hsm: Annotated[str, Field(max_length=24)] | None = None
    """The name of the HSM. Absent where a refused request named none."""
    team: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")] | None = None
    """The team that the operation belongs to. Absent for refusals."""
    actor: Principal | None = None
    """Who did it. Absent for the service itself."""
    step: _Word | None = None
    """The step that was about to change something, or did. Absent where it was none."""
    attempt: Annotated[int, Field(ge=0, le=10**6)] | None = None
    """Which attempt to download the security domain it was, counted from 1. Absent for other steps."""
    outcome: _Word | None = None
    """What came of it, in one word: a decision, the end of a step or an operation, or an error code."""
    request_id: _Text | None = None
    """The id of the request in the service's logs. Absent where none was kept."""
    client_request_id: _Text | None = None
    """What the caller called the request. Absent where it gave no `x-ms-client-request-id`."""
    detail: dict[_DetailName, _Text | bool | _Number | None] = Field(default_factory=dict, max_length=16)
    """More of it, by names; texts are escaped and cut to 256 characters."""

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if self.operation_id is None and self.kind not in ALONE:
            message = "only a refusal, and a decision to begin none, is of no operation"
            raise ValueError(message)
        if self.kind in ("intent", "result") and self.step is None:
            message = "an intent and a result are of a step"
            raise ValueError(message)
        if self.hsm is not None and not HSM_NAME.fullmatch(self.hsm):
            message = "this is not the name of an HSM"
            raise ValueError(message)
        return self


class AuditRecord(AuditEvent):
    """A record as it is kept: its place in the chain of its operation, and the SHA-256 of the bytes before it."""

    number: int = Field(ge=1, le=999_999)
    """Its number in the chain of its operation, counted from 1."""
    previous_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    """The SHA-256 of the bytes of the record before it, in hex. Absent for the first, and for refusals."""


class ListedRecord(AuditRecord):
    """A record as auditors are shown it, with the SHA-256 of its own bytes."""

    sha256: str
    """The SHA-256 of its own bytes, in hex."""


class RecordPath(NamedTuple):
    """What a blob's path says of its record: its operation, None for a refusal, and its number."""

    operation_id: str | None
    number: int


class ChainFault(NamedTuple):
    """What is wrong with the record that has, or should have, this number."""

    number: int
    text: str


class ChainCheck(NamedTuple):
    """What was found out about a chain; `closed` says that it holds the end of its operation."""

    closed: bool
    faults: list[ChainFault]


def chain_path(operation_id: str, number: int) -> str:
    """Give the path of a record in the chain of an operation."""
    return f"{OPERATIONS}{operation_id}/{number:06}.json"


def refusal_path(at: datetime, ulid: str) -> str:
    """Give the path of a refusal; the ULID's time is that of the refusal."""
    return f"{REFUSALS}{at.astimezone(UTC):%Y-%m-%d}/{ulid}.json"


def parse_path(path: str) -> RecordPath | None:
    """Take a path apart; None where no record can lie there."""
    if matched := _CHAIN_PATH.fullmatch(path):
        return RecordPath(matched["operation"], int(matched["number"]))
    return RecordPath(None, 1) if _REFUSAL_PATH.fullmatch(path) else None


def seal(record: AuditRecord) -> bytes:
    """Write the bytes that are kept: the record's JSON with, last, `checksum`, the SHA-256 of the JSON without it.

    The checksum names the very record that was damaged, and is all that guards the last of a chain.
    """
    text = record.to_json()
    return f'{text[:-1]},"checksum":"{sha256_of(text.encode())}"}}'.encode()


def unseal(content: bytes) -> AuditRecord:
    """Read what `seal` wrote; raises ValueError, in words of ours, where it is anything else."""
    sealed = _SEALED.fullmatch(content) if len(content) <= LARGEST_RECORD else None
    if sealed is None or sha256_of(sealed[1] + b"}").encode() != sealed[2]:
        message = "these are not the bytes that were written"
        raise ValueError(message)
    try:
        return AuditRecord.model_validate_json(sealed[1] + b"}")
    except ValidationError:
        message = "this is not an audit record"
        raise ValueError(message) from None


def check_refusal(day: str, content: bytes) -> list[str]:
    """Find what is wrong with a refusal that lies under a day, `yyyy-mm-dd`."""
    try:
        record = unseal(content)
    except ValueError as error:
        return [str(error)]
    alone = record.kind in ALONE and record.operation_id is None
    alone = alone and record.number == 1 and record.previous_sha256 is None
    faults = [] if alone else ["it belongs into a chain"]
    if f"{record.at.astimezone(UTC):%Y-%m-%d}" != day:
        faults.append("it is of another day")
    return faults


def check_chain(operation_id: str, blobs: Mapping[int, bytes]) -> ChainCheck:
    """Check the records of an operation, by the numbers under which they lie.

    A chain is closed once `ended` was recorded and no step was begun after it. An intent needs a result of its step, or
    a later intent of it where the activity was killed; in an open chain it may still come. A record that is there
    twice, under two numbers, is no fault: a writer that gets no answer to a write writes again.
    """
    records: dict[int, AuditRecord] = {}
    faults = _find_gaps(blobs)
    for number, content in sorted(blobs.items()):
        try:
            records[number] = unseal(content)
        except ValueError as error:
            faults.append(ChainFault(number, str(error)))
            continue
        texts = _find_misplaced(operation_id, number, records[number])
        texts += _find_broken_link(records[number], blobs.get(number - 1), first=number == 1)
        faults += [ChainFault(number, text) for text in texts]
    closed = _is_closed(records)
    faults += _find_unrecorded(records, closed=closed)
    return ChainCheck(closed, sorted(faults))


def _find_gaps(blobs: Mapping[int, bytes]) -> list[ChainFault]:
    """Name each gap once, by its first number: a blob that was planted far ahead leaves a wide one."""
    faults = []
    for before, number in pairwise(sorted({0, *blobs})):
        if number > before + 1:
            text = "missing" if number == before + 2 else f"missing, and all up to number {number - 1}"
            faults.append(ChainFault(before + 1, text))
    return faults


def _find_misplaced(operation_id: str, number: int, record: AuditRecord) -> list[str]:
    faults = [] if record.number == number else [f"it is number {record.number} of its chain"]
    if record.operation_id != operation_id:
        faults.append("it is of another operation")
    if record.hsm not in (None, hsm_of_operation(operation_id)):
        faults.append("it is of another HSM")
    return faults


def _find_broken_link(record: AuditRecord, before: bytes | None, *, first: bool) -> list[str]:
    if before is None:
        return ["it is the first and names one before it"] if first and record.previous_sha256 is not None else []
    return [] if record.previous_sha256 == sha256_of(before) else ["the record before it is not the one it names"]


def _is_closed(records: Mapping[int, AuditRecord]) -> bool:
    ends = (number for number, record in records.items() if record.kind == "ended")
    begins = (number for number, record in records.items() if record.kind == "intent")
    return max(ends, default=0) > max(begins, default=0)


def _find_unrecorded(records: Mapping[int, AuditRecord], *, closed: bool) -> list[ChainFault]:
    """Find results of steps that were not announced and, where no more can come, steps without a result."""
    faults = []
    pending: dict[str, int] = {}
    begun: set[str] = set()
    for number, record in sorted(records.items()):
        step = record.step or ""
        if record.kind == "intent":
            begun.add(step)
            pending[step] = number
        elif record.kind == "result":
            if step not in begun:
                faults.append(ChainFault(number, f"a result of {step}, which was not announced"))
            pending.pop(step, None)
    if closed:
        faults += [ChainFault(number, f"nothing says what came of {step}") for step, number in pending.items()]
    return faults
