"""The page that says what this service can do with an HSM, beside what other tools can: docs/capabilities.md."""

import tomllib
from pathlib import Path
from typing import Any, Final

from domain.changes import HsmChange, NetworkChange
from domain.model import Model
from domain.requests import HsmRequest, NetworkRequest

DATA: Final = Path(__file__).parents[1] / "docs" / "capabilities.toml"
_UNREAD: Final = "?"
_MODELS: Final[dict[str, tuple[type[Model], type[Model]]]] = {
    "": (HsmRequest, HsmChange),
    "network": (NetworkRequest, NetworkChange),
}


def write_capabilities(generated: str) -> str:
    """Write the page, with the note that it is generated."""
    facts = tomllib.loads(DATA.read_text())
    tools = facts["tools"]
    sources = "\n".join(f"- {tool['title']}: {tool['source']}." for tool in tools)
    return f"""\
# What it can do, beside other tools

{generated}

For who chooses. Each row is one property of the Azure resource, or one thing that is done with an HSM. *in place*: at
creation, and changed later with all else as it was. *creation*: at creation only. *replaces*: at creation, and a
change deletes the HSM and makes another. *later*: not at creation, but on an HSM that is there. A question mark: not
read. What this service does with a property is taken from the models of its API; the rest is from
`docs/capabilities.toml`.

## Every property that a client can write

{_table("property", facts["properties"], tools, code=True)}

## What is done with an HSM besides

{_table("what", facts["capabilities"], tools, code=False)}

## Sources

{sources}
"""


def _table(first: str, rows: list[dict[str, Any]], tools: list[dict[str, Any]], *, code: bool) -> str:
    head = ["property" if code else "what", "this service", *(tool["title"] for tool in tools), "to know"]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        name = f"`{row[first]}`" if code else row[first]
        theirs = [row.get(tool["key"], _UNREAD) for tool in tools]
        lines.append([name, find_own(row), *theirs, row.get("note", "")])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def find_own(row: dict[str, Any]) -> str:
    """Say what this service does with a property: by the member of its PUT and its PATCH, where it has one.

    Raises KeyError for a row whose member there is not.
    """
    member = row.get("member")
    if member is None:
        return str(row["here"])
    outer, _, inner = str(member).rpartition(".")
    request, change = _MODELS[outer]
    if inner not in _members(request):
        raise KeyError(member)
    return f"{'in place' if inner in _members(change) else 'creation'} (`{member}`)"


def _members(model: type[Model]) -> set[str]:
    return {str(field.alias) for field in model.model_fields.values()}
