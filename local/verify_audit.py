"""`python -m local.verify_audit DIRECTORY` checks a copy of the container `audit`, without Azure and the service.

Ends with 0 where everything that is there hangs together, with 1 where anything is broken, and with 2 where there is
nothing to check.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from domain.audit import LARGEST_RECORD, REFUSALS, chain_path, check_chain, check_refusal, parse_path, printable
from domain.records import sha256_of

BROKEN: Final = 1
NOTHING_CHECKED: Final = 2
WIDTH: Final = 160
STYLES: Final = {"closed": "green", "open": "yellow", "sound": "green", "broken": "red"}
LIMITS: Final = """
What this cannot show:
- whether the newest records of a chain were cut off (one that lost its end is shown as open: ask whether its operation
  still runs), or a whole chain or a refusal was removed: nothing that is left names them;
- whether somebody who could overwrite blobs wrote a chain anew from some record to its end: the hashes have no key.
The container's immutability policy keeps both from happening. To check a chain against an earlier look at it, compare
the SHA-256 of its last record, shown here, with what GET /api/audit or `sha256sum` said then.
"""


class Finding(NamedTuple):
    """A chain, or a day's refusals: what it holds, the SHA-256 of its last record, and the faults by path."""

    place: str
    records: int
    state: str
    last_sha256: str
    faults: list[tuple[str, str]]


def check_copy(directory: Path) -> list[Finding]:
    """Check all that lies in a copy of the container; what is no record is a fault, too."""
    chains: dict[str, dict[int, Path]] = defaultdict(dict)
    days: dict[str, list[Path]] = defaultdict(list)
    strays = []
    for file in sorted(path for path in directory.rglob("*") if path.is_symlink() or not path.is_dir()):
        path = file.relative_to(directory).as_posix()
        parsed = parse_path(path)
        if parsed is None:
            strays.append(Finding(path, 0, "broken", "", [(path, "no audit record has this path")]))
        elif parsed.operation_id is not None:
            chains[parsed.operation_id][parsed.number] = file
        else:
            days[file.parent.name].append(file)
    found = [_check_chain(operation_id, files) for operation_id, files in chains.items()]
    return [*found, *(_check_day(day, files) for day, files in days.items()), *strays]


def _check_chain(operation_id: str, files: Mapping[int, Path]) -> Finding:
    blobs = {number: _read(file) for number, file in files.items()}
    closed, faults = check_chain(operation_id, blobs)
    state = "broken" if faults else "closed" if closed else "open"
    named = [(chain_path(operation_id, fault.number), fault.text) for fault in faults]
    return Finding(operation_id, len(files), state, sha256_of(blobs[max(blobs)]), named)


def _check_day(day: str, files: Sequence[Path]) -> Finding:
    faults = [(f"{REFUSALS}{day}/{file.name}", fault) for file in files for fault in check_refusal(day, _read(file))]
    return Finding(f"{REFUSALS}{day}", len(files), "broken" if faults else "sound", "", faults)


def _read(file: Path) -> bytes:
    """Read what may be a record: as much as is needed to see that it is none, and nothing that is not in the copy."""
    if file.is_symlink() or not file.is_file():
        return b""
    with file.open("rb") as content:
        return content.read(LARGEST_RECORD + 1)


def show(console: Console, findings: Sequence[Finding]) -> None:
    """Print the table of what was checked, every fault, and what a chain cannot show."""
    table = Table("chain", Column("records", justify="right"), "state", "SHA-256 of the last record")
    for finding in findings:
        state = Text(finding.state, STYLES[finding.state])
        table.add_row(Text(printable(finding.place)), str(finding.records), state, finding.last_sha256)
    console.print(table)
    for path, fault in (named for finding in findings for named in finding.faults):
        console.print(Text(f"{printable(path)}: {fault}", "red"), soft_wrap=True)
    states = Counter(finding.state for finding in findings)
    console.print(", ".join(f"{states[state]} {state}" for state in STYLES if states[state]))
    console.print(LIMITS, markup=False, soft_wrap=True)


def main() -> int:
    """Check the directory that was named."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m local.verify_audit DIRECTORY\n")
        return NOTHING_CHECKED
    directory = Path(sys.argv[1])
    try:
        findings = check_copy(directory) if directory.is_dir() else []
    except OSError as error:
        sys.stderr.write(f"{printable(str(error.filename))} could not be read: {error.strerror}\n")
        return NOTHING_CHECKED
    if not findings:
        what = "has no audit records" if directory.is_dir() else "is no directory"
        sys.stderr.write(f"{printable(str(directory))} {what}: name a copy of the container audit, AUDIT=DIRECTORY\n")
        return NOTHING_CHECKED
    terminal = Console(highlight=False)
    # Where nobody looks at it, nothing is folded.
    show(terminal if terminal.is_terminal else Console(highlight=False, width=WIDTH), findings)
    return BROKEN if any(finding.faults for finding in findings) else 0


if __name__ == "__main__":
    sys.exit(main())
