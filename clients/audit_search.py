"""Reads the audit log for auditors: the chains of operations by their ids, then the refusals by time."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final, NamedTuple

from clients.audit_log import AUDIT
from clients.blobs import find_blob, iterate_blobs
from domain.audit import ALONE, OPERATIONS, REFUSALS, AuditRecord, Kind, ListedRecord, parse_path, refusal_path, unseal
from domain.errors import FieldError, refused_fields
from domain.names import HSM_NAME, OPERATION_ID, hsm_of_operation
from domain.records import sha256_of

# Reads for one page, so that no request takes minutes.
_READS: Final = 400
# How far the clocks of two writers of one chain may be apart.
_CLOCK_SKEW: Final = timedelta(minutes=5)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TIME_LENGTH: Final = 10
_ULID_LENGTH: Final = 26


class Query(NamedTuple):
    """Which records are wanted: `begin` inclusive, `end` exclusive; what is None is not looked at."""

    operation: str | None = None
    hsm: str | None = None
    kind: Kind | None = None
    begin: datetime | None = None
    end: datetime | None = None

    def takes(self, record: AuditRecord) -> bool:
        """Say whether a record is wanted."""
        return (
            self.operation in (None, record.operation_id)
            and self.hsm in (None, record.hsm, hsm_of_operation(record.operation_id or ""))
            and self.kind in (None, record.kind)
            and (self.begin is None or record.at >= self.begin)
            and (self.end is None or record.at < self.end)
        )

    @property
    def possible(self) -> bool:
        """Whether what it names can exist."""
        valid_operation = self.operation is None or OPERATION_ID.fullmatch(self.operation) is not None
        return valid_operation and (self.hsm is None or HSM_NAME.fullmatch(self.hsm) is not None)


class Page(NamedTuple):
    """Records in the order of their paths; `after` is where the next page begins, None on the last.

    `broken` are the paths of what should be records and is not what was written, whatever was asked for.
    """

    records: list[ListedRecord]
    broken: list[str]
    after: str | None


def list_records(query: Query, *, limit: int, after: str | None = None) -> Page:
    """List records, `limit` at most.

    A page may hold fewer, even none, and still say where the next begins: what is read for one is bounded. Raises
    ServiceError `invalid_parameter` where `after` is not from a page.
    """
    if after is not None and parse_path(after) is None:
        message = "This is not where a page begins."
        raise refused_fields([FieldError(field="continuationToken", message=message, code="invalid_parameter")])
    records: list[ListedRecord] = []
    broken: list[str] = []
    for reads, (path, record) in enumerate(_read_all(query, after or ""), 1):
        if record is None:
            broken.append(path)
        elif query.takes(record):
            records.append(record)
        if len(records) == limit or reads == _READS:
            return Page(records, broken, path)
    return Page(records, broken, None)


def _read_all(query: Query, after: str) -> Iterator[tuple[str, ListedRecord | None]]:
    """Read what may be wanted, in order."""
    if not query.possible:
        return
    if not after.startswith(REFUSALS):
        for _, paths in groupby(_list_chains(query, after), key=lambda path: path.rpartition("/")[0]):
            yield from _read_chain(query, list(paths))
    if query.operation is None and query.kind in (None, *ALONE):
        for path in _list_refusals(query, after):
            yield path, _read(path)


def _list_chains(query: Query, after: str) -> Iterator[str]:
    """List the records of operations that were not accepted too late, and are of the HSM."""
    named = f"{query.operation}/" if query.operation else f"{query.hsm}-" if query.hsm else ""
    latest = _ulid_time(query.end) if query.end else None
    for path in iterate_blobs(AUDIT, f"{OPERATIONS}{named}", after):
        operation = (parsed.operation_id if (parsed := parse_path(path)) else None) or ""
        # The HSM `a` has the prefix of `a-b`, too.
        of_hsm = query.hsm in (None, hsm_of_operation(operation))
        in_time = latest is None or operation[-_ULID_LENGTH:][:_TIME_LENGTH] <= latest
        if operation and of_hsm and in_time:
            yield path


def _read_chain(query: Query, paths: list[str]) -> Iterator[tuple[str, ListedRecord | None]]:
    """Read a chain; of one that was over before `begin` the last record alone."""
    last = _read(paths[-1])
    if query.begin is None or last is None or last.at >= query.begin - _CLOCK_SKEW:
        for path in paths[:-1]:
            yield path, _read(path)
    yield paths[-1], last


def _list_refusals(query: Query, after: str) -> Iterator[str]:
    """List the refusals of the time asked for, by the ULIDs in their paths."""
    earliest = refusal_path(query.begin, _ulid_time(query.begin)) if query.begin else ""
    first = earliest.removesuffix(".json")
    last = refusal_path(query.end, _ulid_time(query.end)).removesuffix(".json") if query.end else None
    for path in iterate_blobs(AUDIT, REFUSALS, max(after, first)):
        if last is not None and path[: len(last)] > last:
            return
        if parse_path(path) is not None:
            yield path


def _read(path: str) -> ListedRecord | None:
    """Read a record; None where it is not what was written: one that somebody changed must not hide the others."""
    blob = find_blob(AUDIT, path)
    if blob is None or not blob.intact:
        return None
    try:
        record = unseal(blob.content)
    except ValueError:
        return None
    return ListedRecord(**dict(record), sha256=sha256_of(blob.content))


def _ulid_time(time: datetime) -> str:
    """Give the part of an ULID that is its time."""
    from ulid import ULID

    return str(ULID.from_datetime(max(time, _EPOCH)))[:_TIME_LENGTH]
