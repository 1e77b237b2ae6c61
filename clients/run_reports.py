"""What runs by schedule leave in the container of the records: how far they are, and the reports of the last ones."""

from datetime import datetime
from typing import Final

from pydantic import ValidationError

from clients.archive import RECORDS
from clients.blob_lists import list_with_metadata
from clients.blobs import create_blob, delete_blob, find_blob
from domain.model import Model

KEPT_REPORTS: Final = 100
"""So many reports are kept of each kind; older ones are deleted."""


def read_left[Record: Model](kind: type[Record], path: str) -> Record | None:
    """Read what a run left; what cannot be read is as if it were not there, and made anew."""
    blob = find_blob(RECORDS, path)
    try:
        return kind.model_validate_json(blob.content) if blob else None
    except ValidationError:
        return None


def keep_report(folder: str, report: Model, run: str, started_at: datetime) -> None:
    """Keep a report in a folder, once, and delete those that are older than the last hundred."""
    # The run tells two of one second apart, and is the same where it is written again.
    create_blob(RECORDS, f"{folder}{started_at:%Y-%m-%dT%H:%M:%SZ}-{run}.json", report.to_json().encode())
    for path in _list_reports(folder)[:-KEPT_REPORTS]:
        delete_blob(RECORDS, path)


def find_last_report[Report: Model](kind: type[Report], folder: str) -> Report | None:
    """Read the report of the last run that ended."""
    paths = _list_reports(folder)
    return read_left(kind, paths[-1]) if paths else None


def has_reports(folder: str) -> bool:
    """Say whether any run ever ended."""
    return bool(_list_reports(folder))


def _list_reports(folder: str) -> list[str]:
    return sorted(blob.path for blob in list_with_metadata(RECORDS, folder))
