"""The pages of docs/ that are made of the code; `make docs` writes them."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Final

from domain.caller import OPERATE_ROLE, ROLES
from domain.error_catalogue import CATALOGUE, ErrorKind
from domain.published_events.model import EVENTS
from triggers.capabilities import write_capabilities
from triggers.event_documents import name_schema, write_event_schema, write_events
from triggers.handover_page import write_handover_members
from triggers.routes import ROUTES, Route

_DOCS: Final = Path(__file__).parents[1] / "docs"
_GENERATED: Final = "<!-- Generated from the code by `make docs`: change it there. -->"


def write_error_codes() -> str:
    """Write the catalogue of error codes: what each means, whether a retry helps, and what to do."""
    rows = [_error_row(code, kind) for code, kind in sorted(CATALOGUE.items())]
    return f"""\
# Error codes

{_GENERATED}

Every error of the API has a `code`, and so has the `error` of an operation that did not succeed. A code keeps its
meaning; codes may be added. Where *retry* says yes, the same request may help later: `Retry-After` says when. Where the
status is a dash, only operations end with the code. `advice` in an answer may say more than this table.

| code | status | retry | meaning | what to do |
|---|---|---|---|---|
{"\n".join(rows)}
"""


def _error_row(code: str, kind: ErrorKind) -> str:
    retry = "yes" if kind.retryable else "no"
    return f"| `{code}` | {kind.status or '-'} | {retry} | {_cell(kind.meaning)} | {_cell(kind.advice)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def write_authorisation() -> str:
    """Write who may call what: role by route by ownership."""
    head = " | ".join(f"`{role}`" for role in ROLES)
    rows = [_route_row(route) for route in ROUTES]
    return f"""\
# Who may call what

{_GENERATED}

A caller has app roles in Entra, for itself or as a person, and belongs to teams by the deployment's policy
([policy.md](policy.md)). Every HSM, and each operation on it, belongs to a team.

- **own**: allowed for what belongs to a team of the caller's. To this caller what belongs to others does not exist: the
  answer is the one for what is not there.
- **all**: allowed whatever team it belongs to.
- **yes**: allowed; it belongs to no team.
- **no**: 403 `role_missing`.

Without a valid token the answer is 401, but for calls that are open to all. With several roles, what any of them allows
is allowed, and `Hsm.Operate` makes *all* of *own*. What a caller may ask for in a request is the policy's decision
besides. To everybody the answer is 404 `path_not_found` for a path that the API does not have, and 405
`method_not_allowed` for a method that a path does not take.

| call | {head} |
|---|{"---|" * len(ROLES)}
{"\n".join(rows)}
"""


def _route_row(route: Route) -> str:
    cells = " | ".join(cell(route, role) for role in ROLES)
    return f"| `{route.method} /api/{route.path}` | {cells} |"


def cell(route: Route, role: str) -> str:
    """Say what a role lets a caller do with a route: `own`, `all`, `yes` or `no`."""
    if not route.roles:
        return "yes"
    if role not in route.roles:
        return "no"
    if not route.owned:
        return "yes"
    return "all" if role == OPERATE_ROLE else "own"


PAGES: Final[dict[Path, Callable[[], str]]] = {
    _DOCS / "error-codes.md": write_error_codes,
    _DOCS / "authorisation.md": write_authorisation,
    _DOCS / "capabilities.md": functools.partial(write_capabilities, _GENERATED),
    _DOCS / "events.md": functools.partial(write_events, _GENERATED),
    _DOCS / "handover-members.md": functools.partial(write_handover_members, _GENERATED),
    **{_DOCS / "events" / name_schema(event): functools.partial(write_event_schema, event) for event in EVENTS},
}

if __name__ == "__main__":
    for path, write in PAGES.items():
        path.write_text(write())
