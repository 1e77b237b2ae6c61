"""The journal of an HSM's exports, over all operations: what was asked for, answered, refused, and seen to end.

Container `security-domains`, under `{hsm}/exports/`, each entry written once: `{n}-asked.json` before the HSM is asked,
then `{n}-refused.json` or `{n}-answered.json`, and `{n}-ended.json`.
"""

import re
from typing import Final, Literal

from clients.archive import ARCHIVE
from clients.blobs import create_blob, list_blobs
from domain.exports import BegunExport, Export, is_alone
from domain.records import ExportEntry

Event = Literal["asked", "answered", "refused", "ended"]
_ENTRY: Final = re.compile(r".*/(\d{6})-(asked|answered|refused|ended)\.json")


def begin_export(hsm: str, entry: ExportEntry) -> BegunExport:
    """Write down that the HSM is about to be asked for its security domain."""
    while True:
        before = list_exports(hsm)
        number = before[-1].number + 1 if before else 1
        if _create(hsm, number, "asked", entry):
            return BegunExport(number, is_alone(before))


def note_export(hsm: str, number: int, event: Event, entry: ExportEntry) -> None:
    """Write down what became of an export; once, whoever does it again."""
    _create(hsm, number, event, entry)


def list_exports(hsm: str) -> list[Export]:
    """List all exports, the oldest first."""
    events: dict[int, set[str]] = {}
    for path in list_blobs(ARCHIVE, f"{hsm}/exports/"):
        matched = _ENTRY.fullmatch(path)
        if matched:
            events.setdefault(int(matched[1]), set()).add(matched[2])
    return [
        Export(number, answered="answered" in seen, refused="refused" in seen, ended="ended" in seen)
        for number, seen in sorted(events.items())
    ]


def _create(hsm: str, number: int, event: Event, entry: ExportEntry) -> bool:
    path = f"{hsm}/exports/{number:06}-{event}.json"
    return create_blob(ARCHIVE, path, entry.to_json().encode()) is not None
