"""Runs the tool and writes down what it does to the world outside, by an audit hook in its own process."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from local.child_process import REPOSITORY
from tests.custodian.terminal import Ended, plain_environment, run

WATCH: Final = Path(__file__).parent / "watch"
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Watched(NamedTuple):
    """What a process did: the files that it opened to write, to read, where it connected to, and all else."""

    ended: Ended
    wrote: set[str]
    read: set[str]
    others: list[str]
    addresses: set[str]
    programs: list[list[str]]
    had: str
    core_limit: list[int]


def watch(folder: Path, *arguments: str, typed: Sequence[str] = (), **variables: str) -> Watched:
    """Run a command in a folder; its home and its folder of temporary files are another one, which stays empty."""
    log, home = folder / "watch.log", folder / "home"
    home.mkdir(exist_ok=True)
    log.write_bytes(b"")
    environment = plain_environment(
        PYTHONPATH=f"{WATCH}:{REPOSITORY}", WATCH_LOG=str(log), HOME=str(home), TMPDIR=str(home), **variables
    )
    ended = run(*arguments, folder=folder, typed=typed, environment=environment)
    events: list[tuple[str, list[Any]]] = [json.loads(line) for line in log.read_text().splitlines()]
    log.unlink()
    assert list(home.iterdir()) == []
    # A number is a file that was opened, and written down, already.
    opened = [details for event, details in events if event == "open" and isinstance(details[0], str)]
    (end,) = [details for event, details in events if event == "end"]
    return Watched(
        ended,
        wrote={str(path) for path, _, flags in opened if flags & _WRITING},
        read={str(path) for path, _, flags in opened if not flags & _WRITING and _lies_in(folder, str(path))},
        others=[event for event, _ in events if event not in {"open", "end"}],
        programs=[details[1] for event, details in events if event == "subprocess.Popen"],
        addresses={details[1][0] for event, details in events if event == "socket.connect"},
        had=json.dumps(end),
        core_limit=end[2],
    )


def _lies_in(folder: Path, path: str) -> bool:
    absolute = folder / path
    return absolute.parent == folder and absolute.is_file()
