"""The journal of what an HSM was asked to take in, over all operations: asked for, answered, refused, seen to fail.

Container `security-domains`, under `{hsm}/uploads/`, each entry written once: `{n}-asked.json` before the HSM is asked,
then `{n}-answered.json`, `{n}-refused.json` or, long after, `{n}-lost.json`, and `{n}-failed.json`.
"""

import re
from datetime import datetime
from typing import Final, Literal

from clients.archive import ARCHIVE, find_upload_entry
from clients.blobs import create_blob, list_blobs
from domain.records import UploadEntry
from domain.uploads import Upload

Event = Literal["asked", "answered", "refused", "lost", "failed"]
_ENTRY: Final = re.compile(r".*/(\d{6})-(asked|answered|refused|lost|failed)\.json")


def begin_upload(hsm: str, entry: UploadEntry) -> Upload:
    """Write down that the HSM is about to be asked to take a security domain in."""
    while True:
        number = max(_list_events(hsm), default=0) + 1
        if _create(hsm, number, "asked", entry):
            return Upload(number, entry)


def note_upload(hsm: str, upload: Upload, event: Event, at: datetime) -> None:
    """Write down what became of an upload; once, whoever does it again."""
    _create(hsm, upload.number, event, upload.entry.model_copy(update={"at": at}))


def list_uploads(hsm: str, made_at: datetime | None) -> list[Upload]:
    """List what the HSM that Azure made then was asked to take in, the oldest first."""
    uploads = [
        Upload(
            number,
            find_upload_entry(_path(hsm, number, "asked")),
            answered="answered" in events,
            refused="refused" in events,
            lost="lost" in events,
            failed="failed" in events,
        )
        for number, events in sorted(_list_events(hsm).items())
    ]
    return [upload for upload in uploads if upload.entry.hsm_made_at == made_at]


def _list_events(hsm: str) -> dict[int, set[str]]:
    events: dict[int, set[str]] = {}
    for path in list_blobs(ARCHIVE, f"{hsm}/uploads/"):
        matched = _ENTRY.fullmatch(path)
        if matched:
            events.setdefault(int(matched[1]), set()).add(matched[2])
    return events


def _create(hsm: str, number: int, event: Event, entry: UploadEntry) -> bool:
    return create_blob(ARCHIVE, _path(hsm, number, event), entry.to_json().encode()) is not None


def _path(hsm: str, number: int, event: Event) -> str:
    return f"{hsm}/uploads/{number:06}-{event}.json"
