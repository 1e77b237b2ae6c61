"""The keys that open functions, extensions' webhooks and the admin API; made at the first start and kept.

Source: azure-functions-host, AuthenticationLevelHandler.cs, SecretManager.cs, AuthUtility.cs.
"""

import hmac
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request

from local.files import write_private

Level = Literal["ANONYMOUS", "FUNCTION", "ADMIN"]

DEFAULT: Final = "default"
DURABLE_TASK: Final = "durabletask_extension"
EVENT_GRID: Final = "eventgrid_extension"

_Named = dict[str, Annotated[str, Field(min_length=1)]]


def _make_key() -> str:
    return secrets.token_urlsafe(32)


class KeysDamaged(ValueError):  # noqa: N818 - it says what happened
    """The keys file cannot be read; the message names the file and the member, never a value."""


class KeyContents(BaseModel, extra="forbid"):
    """What the keys file holds: keys by their names, those of functions by the functions' names first."""

    master: str = Field(min_length=1, repr=False)
    host: _Named = Field(default_factory=dict, repr=False)
    system: _Named = Field(default_factory=dict, repr=False)
    functions: dict[str, _Named] = Field(default_factory=dict, repr=False)

    def complete(self, function_names: Iterable[str]) -> None:
        """Make the keys that are missing."""
        self.host.setdefault(DEFAULT, _make_key())
        for name in (DURABLE_TASK, EVENT_GRID):
            self.system.setdefault(name, _make_key())
        for name in function_names:
            self.functions.setdefault(name, {}).setdefault(DEFAULT, _make_key())


class Keys:
    """Says what a request's key opens; without enforcement, everything is open."""

    def __init__(self, contents: KeyContents, *, enforced: bool) -> None:
        self.contents = contents
        self._enforced = enforced

    @classmethod
    def load(cls, path: Path, function_names: Iterable[str], *, enforced: bool) -> "Keys":
        """Read the keys, make those that are missing, and keep them; raises KeysDamaged."""
        contents = _read(path) if path.exists() else KeyContents(master=_make_key())
        kept = contents.model_copy(deep=True)
        contents.complete(function_names)
        if contents != kept or not path.exists():
            write_private(path, contents.model_dump_json(indent=2))
        return cls(contents, enforced=enforced)

    def open_function(self, request: Request, name: str, level: Level) -> bool:
        """Say whether a request may invoke an HTTP function of a level."""
        if level == "ANONYMOUS":
            return True
        if level == "ADMIN":
            return self.open_admin(request)
        keys = self.contents.functions.get(name, {})
        return self._is_among(request, [*keys.values(), *self.contents.host.values()])

    def open_extension(self, request: Request, system_key: str) -> bool:
        """Say whether a request may use the webhooks of the extension that a system key is for."""
        return self._is_among(request, [self.contents.system[system_key]])

    def open_admin(self, request: Request) -> bool:
        """Say whether a request carries the master key."""
        return self._is_among(request, [])

    def _is_among(self, request: Request, keys: list[str]) -> bool:
        if not self._enforced:
            return True
        sent = _find_key(request).encode()
        candidates = (*keys, self.contents.master)
        # The list has all of them compared, so that the time tells nothing.
        return any([hmac.compare_digest(sent, key.encode()) for key in candidates])  # noqa: C419


def _find_key(request: Request) -> str:
    """Give the key that a request carries; a header wins, even an empty one, and of several the first."""
    sent = request.headers.get("x-functions-key")
    if sent is not None:
        return sent
    return next((value for name, value in request.query_params.multi_items() if name.lower() == "code"), "")


def _read(path: Path) -> KeyContents:
    try:
        return KeyContents.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        member = ".".join(str(part) for part in first["loc"]) or "the document"
        message = f"{path}: {member}: {first['msg']}; remove the file to have new keys made"
        raise KeysDamaged(message) from None
