"""Writes the audit log, container `audit`: the chains of operations, and what stands alone.

What cannot be recorded must not be done: whoever is about to change something records the intent first, and goes on
only if that raised nothing.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Lock
from typing import Final, NamedTuple

from clients.blobs import create_blob, find_blob, list_blobs
from domain.audit import OPERATIONS, AuditEvent, AuditRecord, chain_path, parse_path, refusal_path, seal
from domain.errors import ServiceError, service_error
from domain.names import hsm_of_operation
from domain.records import sha256_of

AUDIT: Final = "audit"
_TRIES: Final = 16
_REMEMBERED: Final = 1024

Detail = Mapping[str, str | int | bool | None]


class _Head(NamedTuple):
    """The end of a chain; nothing was recorded yet where its number is 0."""

    number: int
    sha256: str | None


class _Chain:
    """A chain as this process knows it; its threads write to it one after the other."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.head: _Head | None = None


class _Chains:
    """The chains last written to, whose ends are known, so that the usual append is one write."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._chains: OrderedDict[str, _Chain] = OrderedDict()

    def find(self, operation_id: str) -> _Chain:
        with self._lock:
            chain = self._chains.setdefault(operation_id, _Chain())
            self._chains.move_to_end(operation_id)
            if len(self._chains) > _REMEMBERED:
                self._chains.popitem(last=False)
        return chain


_chains: Final = _Chains()


def record_intent(
    operation_id: str, step: str, *, attempt: int | None = None, team: str | None = None, detail: Detail | None = None
) -> AuditRecord:
    """Record that a step is about to change something; raises ServiceError `audit_unavailable`: then it must not."""
    return append(
        AuditEvent(
            operation_id=operation_id,
            at=datetime.now(UTC),
            kind="intent",
            hsm=hsm_of_operation(operation_id),
            team=team,
            step=step,
            attempt=attempt,
            detail=dict(detail or {}),
        )
    )


def record_result(intent: AuditRecord, outcome: str, detail: Detail | None = None) -> AuditRecord:
    """Record what came of a step; raises ServiceError `audit_unavailable`: then the step must be looked at again."""
    return append(
        AuditEvent(
            operation_id=intent.operation_id,
            at=datetime.now(UTC),
            kind="result",
            hsm=intent.hsm,
            team=intent.team,
            step=intent.step,
            attempt=intent.attempt,
            outcome=outcome,
            detail=dict(detail or {}),
        )
    )


def append(event: AuditEvent) -> AuditRecord:
    """Write an event as the next record of its operation's chain, and give it.

    Raises ServiceError `audit_unavailable`. After it the event may be in the chain all the same, where the answer to
    the write was lost; appended again it is there twice, under two numbers, which is no fault of a chain.
    """
    if event.operation_id is None:
        message = "what is of no operation has no chain"
        raise ValueError(message)
    chain = _chains.find(event.operation_id)
    with _recording(), chain.lock:
        for _ in range(_TRIES):
            record = _try_to_append(event, event.operation_id, chain)
            if record is not None:
                return record
    raise service_error(
        "audit_unavailable",
        "The audit log could not be written: others always wrote faster.",
        advice="Nothing is lost. It is tried again.",
        retryable=True,
    )


def _try_to_append(event: AuditEvent, operation_id: str, chain: _Chain) -> AuditRecord | None:
    """Write the record after the last that we know of; None where another process's lies there by now."""
    head = chain.head or _find_head(operation_id)
    record = AuditRecord(**dict(event), number=head.number + 1, previous_sha256=head.sha256)
    path, content = chain_path(operation_id, record.number), seal(record)
    # The SDK sends a write again whose answer was lost: then what is there is ours.
    ours = create_blob(AUDIT, path, content) is not None or _read_intact(path) == content
    chain.head = _Head(record.number, sha256_of(content)) if ours else None
    return record if ours else None


def _find_head(operation_id: str) -> _Head:
    numbers = [
        parsed.number
        for path in list_blobs(AUDIT, f"{OPERATIONS}{operation_id}/")
        if (parsed := parse_path(path)) is not None
    ]
    if not numbers:
        return _Head(0, None)
    return _Head(max(numbers), sha256_of(_read_intact(chain_path(operation_id, max(numbers)))))


def _read_intact(path: str) -> bytes:
    """Read a record that is there; what was changed since is nothing to chain another one to."""
    blob = find_blob(AUDIT, path)
    if blob is None or not blob.intact:
        raise service_error(
            "audit_unavailable",
            "A record of the operation is not what was written.",
            advice="Copy the container audit and run make verify-audit on it: docs/auditors.md says how.",
            retryable=True,
        )
    return blob.content


@contextmanager
def _recording() -> Iterator[None]:
    """Raise `audit_unavailable` in place of whatever keeps a record from being written."""
    try:
        yield
    except ServiceError as error:
        detail = error.detail
        message = f"The audit log could not be written. {detail.message}"
        # Another class of error: RefusedByAzure would say that the call which is being recorded had no effect.
        raise ServiceError(detail.model_copy(update={"code": "audit_unavailable", "message": message})) from None


def has_chain(operation_id: str) -> bool:
    """Say whether anything was recorded of an operation; raises ServiceError `audit_unavailable`."""
    with _recording():
        return bool(list_blobs(AUDIT, f"{OPERATIONS}{operation_id}/"))


def record_alone(event: AuditEvent) -> AuditRecord:
    """Record what is of no operation: a refusal, a decision to begin none; raises ServiceError `audit_unavailable`."""
    from ulid import ULID

    if event.operation_id is not None:
        message = "what is of an operation belongs into its chain"
        raise ValueError(message)
    record = AuditRecord(**dict(event), number=1)
    with _recording():
        # Nobody else has the path: where something lies there already, it is this, sent again.
        create_blob(AUDIT, refusal_path(event.at, str(ULID.from_datetime(event.at))), seal(record))
    return record
