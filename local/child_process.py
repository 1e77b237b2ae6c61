"""Starts a local service as a process of its own, waits until it answers, and ends it."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from local.lifetime import UNTIL_INPUT_ENDS

REPOSITORY: Final = Path(__file__).resolve().parents[1]
START_SECONDS: Final = 120
STOP_SECONDS: Final = 15


class NotStarted(RuntimeError):  # noqa: N818 - it says what happened
    """The service did not come up; the text is the end of its log."""


class ChildProcess:
    """A running service."""

    def __init__(self, process: subprocess.Popen[bytes], log_path: Path, document: str) -> None:
        self._process = process
        self.log_path = log_path
        self.document = document

    @property
    def process_id(self) -> int:
        """The process that it runs in."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether it ended by itself."""
        return self._process.poll() is not None

    def stop(self) -> None:
        """End it, and what it started with it."""
        _end(self._process)


def start_child_process(
    module: str, state_directory: Path, name: str, arguments: list[str], environment: dict[str, str] | None = None
) -> ChildProcess:
    """Run `python -m module start` and wait for `{name}.json` in its state directory, which it writes once it answers.

    It logs to `{name}.log` there. Raises NotStarted.
    """
    state_directory.mkdir(parents=True, exist_ok=True)
    log_path = state_directory / f"{name}.log"
    document = state_directory / f"{name}.json"
    # One that was killed leaves its document behind.
    document.unlink(missing_ok=True)
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                module,
                "start",
                "--state-directory",
                str(state_directory),
                UNTIL_INPUT_ENDS,
                *arguments,
            ],
            stdout=log,
            stderr=log,
            # Never written to: it ends when this process does.
            stdin=subprocess.PIPE,
            cwd=REPOSITORY,
            env={**os.environ, **(environment or {})},
        )
    try:
        _await(document, process)
        if not document.exists():
            raise NotStarted(log_path.read_text()[-4000:])
        return ChildProcess(process, log_path, document.read_text())
    except BaseException:
        _end(process)
        raise


def _await(document: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not document.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin is not None:
        process.stdin.close()
