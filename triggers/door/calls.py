"""A call of the API as a handler gets it, and its answer."""

from typing import Any, NamedTuple

import azure.durable_functions as df
from pydantic import BaseModel

from domain.caller import Caller
from domain.policy_rules import Grant
from domain.trace import Trace
from triggers.door.conditions import Conditions
from triggers.routes import API_VERSION


class Call(NamedTuple):
    """A request whose sender, parameters and conditions were settled.

    `grant` is what the deployment's policy lets the caller ask for. `base` is the address of the API as the caller
    reached it. `query` is the route's model.
    """

    caller: Caller
    grant: Grant
    path: dict[str, str]
    query: Any
    body: bytes
    conditions: Conditions
    trace: Trace
    base: str
    client: df.SyncDurableFunctionsClient

    def sees(self, team: str) -> bool:
        """Whether what belongs to this team exists for the caller."""
        return self.caller.operates or team in self.grant.teams

    def url(self, path: str) -> str:
        """Give an address of this API as the caller reached it."""
        return f"{self.base}/{path}{'&' if '?' in path else '?'}api-version={API_VERSION}"


class Answer(NamedTuple):
    """What a handler answers with: a status, a document (None where the status has none) and headers."""

    status: int
    document: BaseModel | dict[str, Any] | None
    headers: dict[str, str] = {}  # noqa: RUF012 - nothing ever changes it
