"""Runs the custodians' tool as a process of its own, at a terminal of its own where a person types."""

import json
import os
import pty
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from local.child_process import REPOSITORY

SECONDS = 60


class Ended(NamedTuple):
    """How it ended; `screen` is what stood at the terminal: prompts, and what is for people."""

    code: int
    output: str
    screen: str

    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.output)
        return document

    def refusal(self) -> str:
        """Give the code of a refusal, by JSON or by text."""
        if self.output.startswith("{"):
            return str(self.document()["error"]["code"])
        return self.screen.splitlines()[-1].partition(":")[0]


def plain_environment(**variables: str) -> dict[str, str]:
    """Give an environment that has nothing of ours or Azure's but where the tool is."""
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), "LANG": "C.UTF-8", **variables}


def run(
    *arguments: str | Path, folder: Path, typed: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> Ended:
    """Run a command; its prompts are answered by what is `typed`, in turn."""
    command = [sys.executable, "-m", "custodian", *map(str, arguments)]
    return run_at_terminal(command, folder, typed, environment or plain_environment())


def run_at_terminal(
    command: Sequence[str],
    folder: Path,
    typed: Sequence[str],
    environment: Mapping[str, str],
    *,
    together: bool = False,
) -> Ended:
    """Run a command at a terminal; with `together` its output is on the screen, as people see it."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command,
        cwd=folder,
        env=dict(environment),
        stdin=theirs,
        stdout=theirs if together else subprocess.PIPE,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        screen = _type(ours, list(typed))
        output = process.stdout.read().decode() if process.stdout else ""
        code = process.wait(SECONDS)
    os.close(ours)
    return Ended(code, output, screen)


def run_without_terminal(*arguments: str | Path, folder: Path, given: str = "") -> Ended:
    command = [sys.executable, "-m", "custodian", *map(str, arguments)]
    ended = subprocess.run(
        command, cwd=folder, env=plain_environment(), input=given, capture_output=True, text=True, check=False
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def _type(terminal: int, typed: list[str]) -> str:
    """Answer each prompt, and give all that stood on the screen."""
    screen = b""
    seen = 0
    while True:
        try:
            screen += os.read(terminal, 65536)
        except OSError:
            return screen.decode().replace("\r\n", "\n")
        if typed and screen[seen:].endswith(b": ") and _awaits_line(terminal):
            seen = len(screen)
            os.write(terminal, typed.pop(0).encode() + b"\n")


def _awaits_line(terminal: int) -> bool:
    return bool(termios.tcgetattr(terminal)[3] & termios.ICANON)
