"""What is known of the full backups of an HSM.

Container `hsm-records`: `backups/{hsm}/{operation}`, by the operation that made it or took it over. It is beside the
record of the HSM, for a backup by schedule takes no claim: only the claim lets the record be written.
"""

from collections.abc import Callable
from typing import Final

from pydantic import ValidationError

from clients.archive import RECORDS
from clients.azure_errors import unreadable
from clients.blobs import Blob, create_blob, find_blob, replace_blob
from domain.backup_history import BackupHistory, KeptBackup
from domain.errors import service_error
from domain.records import HsmRecord

_ATTEMPTS: Final = 4


def find_history(record: HsmRecord) -> BackupHistory:
    """Read what is known of the full backups of an HSM; an empty history where that is nothing."""
    blob = find_blob(RECORDS, _path(record))
    return _read(blob) if blob else BackupHistory(hsm=record.hsm)


def change_history(record: HsmRecord, change: Callable[[BackupHistory], BackupHistory]) -> BackupHistory:
    """Change what is known, whoever else changes it at the same time; raises ServiceError `record_changed`."""
    for _ in range(_ATTEMPTS):
        blob = find_blob(RECORDS, _path(record))
        before = _read(blob) if blob else BackupHistory(hsm=record.hsm)
        after = change(before)
        content = after.to_json().encode()
        if after == before:
            return after
        if blob is None:
            written = create_blob(RECORDS, _path(record), content)
        else:
            written = replace_blob(RECORDS, _path(record), content, blob.etag)
        if written is not None:
            return after
    raise service_error(
        "record_changed", "The record was changed meanwhile.", advice="It is tried again.", retryable=True
    )


def note_good(record: HsmRecord, backup: KeptBackup) -> None:
    """Record that a full backup ended well, and where it lies."""
    # Idempotent: one that is known is not added again.
    change_history(record, lambda history: history.add(backup))


def _path(record: HsmRecord) -> str:
    return f"backups/{record.hsm}/{record.created_by}"


def _read(blob: Blob) -> BackupHistory:
    try:
        return BackupHistory.model_validate_json(blob.content)
    except ValidationError:
        raise unreadable("read a record") from None
