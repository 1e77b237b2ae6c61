"""What a command says: as lines for a person, as a document for a program."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from custodian.errors import DONE


class Result(NamedTuple):
    """The outcome of a command; `document` is what `--json` prints."""

    lines: Sequence[str]
    document: dict[str, Any]
    exit_code: int = DONE


def write_lines(lines: Iterable[str]) -> str:
    """Join lines; what a file brought that is not printable, such as a terminal's control codes, is replaced."""
    return "".join("".join(char if char.isprintable() else "?" for char in line) + "\n" for line in lines)


def write_document(document: dict[str, Any]) -> str:
    """Write a document as JSON for people and programs."""
    return json.dumps(document, indent=2) + "\n"


def make_pairs(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Lay names and values out in two columns."""
    width = max(len(name) for name, _ in pairs)
    return [f"{name:>{width + 2}}  {value}" for name, value in pairs]


def make_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lay rows out in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  " + "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
