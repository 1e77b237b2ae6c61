"""Files that tell clients where everything is: for their owner only, complete or not there at all."""

import shlex
from collections.abc import Mapping
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Write a file that appears complete or not at all, and that nobody else may read."""
    partial = path.with_name(f"{path.name}.partial")
    partial.touch(mode=0o600)
    partial.write_text(text)
    partial.replace(path)


def to_shell(variables: Mapping[str, str]) -> str:
    """Write variables as lines that a shell reads."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in variables.items())
