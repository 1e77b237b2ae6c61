"""Starts hosts for the apps of tests; what an app writes down is read in a journal."""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from local.host.launch import LocalHost, start_local_host
from tests.local.host.conformance.host_client import HostClient

APPS: Final = Path(__file__).parent / "apps"


class Journal:
    """The files that apps write lines into; an app finds the directory in its setting JOURNAL."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def lines(self, name: str) -> list[str]:
        """Give the lines of a file, none where there is none yet."""
        path = self.directory / name
        return path.read_text().splitlines() if path.exists() else []

    def open_gate(self, name: str) -> None:
        """Let go on what waits for a file of this name."""
        (self.directory / name).touch()


class Hosts:
    """Starts hosts that share a journal; each has a state directory of its own, or goes on with that of another."""

    def __init__(self, directory: Path) -> None:
        (directory / "journal").mkdir()
        self.directory = directory
        self.journal = Journal(directory / "journal")
        self.started: list[LocalHost] = []

    def start(
        self,
        app: Path,
        *,
        state: str | None = None,
        settings: dict[str, str] | None = None,
        arguments: Sequence[str] = (),
    ) -> HostClient:
        """Start a host; two with the same `state` have one state directory."""
        state_directory = self.directory / (state or f"state-{len(self.started)}")
        all_settings = {"JOURNAL": str(self.journal.directory), **(settings or {})}
        host = start_local_host(app, state_directory, all_settings, arguments=arguments)
        self.started.append(host)
        return HostClient(host)

    def copy_app(self, app: Path, durable_task: dict[str, Any]) -> Path:
        """Copy an app and give it other settings of durable functions in its host.json."""
        copy = self.directory / f"{app.name}-{len(list(self.directory.iterdir()))}"
        shutil.copytree(app, copy, ignore=shutil.ignore_patterns("__pycache__"))
        path = copy / "host.json"
        document = json.loads(path.read_text())
        document.setdefault("extensions", {})["durableTask"] = durable_task
        path.write_text(json.dumps(document))
        return copy


@contextmanager
def started_hosts(directory: Path) -> Iterator[Hosts]:
    """Give what starts hosts, and end them all afterwards."""
    hosts = Hosts(directory)
    try:
        yield hosts
    finally:
        for host in hosts.started:
            host.process.stop()
