"""What a run over all security domains leaves behind, HSM by HSM, so that nobody's word stands in for it.

Container `hsm-records`: `verification-begun`, written when a run begins and deleted when it was recorded;
`verification-findings/{hsm}`, what the last look at an HSM found, `verification-findings-before/{hsm}/{operation}` that
at one whose name another took. Neither says when it was written: Blob storage does,
and so one clock, which is nobody's who starts a run, decides what belongs to it.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple, get_args

from clients.archive import RECORDS
from clients.blob_lists import ListedBlob, list_with_metadata
from clients.blobs import delete_blob, put_blob
from domain.verification_runs import Finding

_BEGUN: Final = "verification-begun"
# Where records lie, and what was found of each, under the same names; in the order in which `list_hsm_page` has them.
_TODAY: Final = ("hsms/", "verification-findings/")
_EARLIER: Final = ("hsms-before/", "verification-findings-before/")
# Each page is a tree in memory.
_PAGE: Final = 1000
_KNOWN: Final[dict[str, Finding]] = {finding: finding for finding in get_args(Finding)}


class Looked(NamedTuple):
    """An HSM of which we have a record, and what was found; None where nobody looked."""

    hsm: str
    finding: Finding | None


def begin_run() -> None:
    """Say that a run begins now."""
    put_blob(RECORDS, _BEGUN, b"", {})


def find_begin() -> datetime | None:
    """Say when the run began that was not recorded yet."""
    begun = next(list_with_metadata(RECORDS, _BEGUN), None)
    return _written_at(begun) if begun else None


def end_run() -> None:
    """Say that the run was recorded."""
    delete_blob(RECORDS, _BEGUN)


def write_finding(hsm: str, finding: Finding) -> None:
    """Write down what a look at an HSM found, in place of what was found before."""
    _, findings = _EARLIER if "/" in hsm else _TODAY
    put_blob(RECORDS, f"{findings}{hsm}", b"", {"finding": finding})


def looked_at_since(begin: datetime) -> Iterator[Looked]:
    """Give each HSM of which we have a record, by name, and what was found since then.

    One whose record was written since, and which nobody looked at, is none of that run: it came too late for it.
    """
    for records, findings in (_EARLIER, _TODAY):
        yield from _join(records, findings, begin)


def _join(records: str, findings: str, begin: datetime) -> Iterator[Looked]:
    # Both lists are in the order of the names.
    listed = list_with_metadata(RECORDS, findings, _PAGE)
    found = next(listed, None)
    for record in list_with_metadata(RECORDS, records, _PAGE):
        hsm = record.path.removeprefix(records)
        while found is not None and found.path.removeprefix(findings) < hsm:
            found = next(listed, None)
        finding = _finding_of(found, f"{findings}{hsm}", begin) if found else None
        if finding is not None or _written_at(record) <= begin:
            yield Looked(hsm, finding)


def _finding_of(blob: ListedBlob, path: str, begin: datetime) -> Finding | None:
    if blob.path != path or _written_at(blob) < begin:
        return None
    return _KNOWN.get(blob.metadata.get("finding", ""))


def _written_at(blob: ListedBlob) -> datetime:
    return blob.modified_at
