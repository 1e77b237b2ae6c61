"""Every command of the Azure CLI that the docs tell to run is one that it takes, with these options."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from local.child_process import REPOSITORY
from tests.cli.conftest import PYTHON

pytestmark = pytest.mark.cli

DOCS: Final = REPOSITORY / "docs"
PAGES: Final = [REPOSITORY / "README.md", *sorted(DOCS.glob("*.md")), *sorted((DOCS / "runbooks").glob("*.md"))]
BLOCK: Final = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# What the CLI wants to be of this form before anything else.
SUBSCRIPTION: Final = "00000000-0000-4000-8000-000000000000"
RESOURCE: Final = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/GROUP/providers/Microsoft.EventGrid/topics/NAME"
# Where a shell's command ends.
ENDS: Final = frozenset("();<>|&")


def written(page: Path) -> Iterator[str]:
    """Give each command of a page's blocks, and of a runbook's sentences: there it is to be typed as well."""
    text = page.read_text()
    for language, block in BLOCK.findall(text):
        if language in ("", "sh", "console"):
            lines = block.replace("\\\n", " ").splitlines()
            yield from (
                found[1] for found in (re.search(r"(?:^|\$\(|\$ )(az .+)$", line.strip()) for line in lines) if found
            )
    if page.parent.name == "runbooks":
        yield from re.findall(r"`(az [^`]*--[^`]*)`", BLOCK.sub("", text))


def arguments(command: str) -> list[str]:
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in lexer:
        if set(word) <= ENDS:
            break
        words.append(RESOURCE if words[-1:] == ["--ids"] else word)
    return words[1:]


def test_the_cli_takes_every_command_of_the_docs(tmp_path: Path) -> None:
    commands = sorted({tuple(arguments(command)) for page in PAGES for command in written(page)})
    assert len(commands) > 40
    # The auditors' guide has it made before.
    (tmp_path / ".local" / "audit").mkdir(parents=True)
    # Nobody is signed in, and nothing is reached.
    alone = {"HOME": str(tmp_path), "AZURE_CONFIG_DIR": str(tmp_path / "azure"), "HTTPS_PROXY": "http://127.0.0.1:9"}
    ended = subprocess.run(
        [PYTHON, Path(__file__).with_name("parsing.py")],
        input=json.dumps(commands),
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "AZURE_CORE_COLLECT_TELEMETRY": "false", **alone},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert ended.returncode == 0, ended.stderr
    answers: list[str | None] = json.loads(ended.stdout)
    said = dict(zip(commands, answers, strict=True))
    assert {" ".join(command): answer for command, answer in said.items() if answer is not None} == {}
