"""People who call the API: each signed in, with a token as Entra makes it for a person."""

import time
from collections.abc import Sequence
from typing import Any

import requests

from local.azure.control.models import NewToken
from local.policy import TEAM_A
from local.portal import Portal
from local.stack import API_AUDIENCE, Stack


class Person(Portal):
    """A person who signed in; the object id decides who it is."""

    def __init__(self, stack: Stack, number: int, roles: Sequence[str], groups: Sequence[str] = (TEAM_A,)) -> None:
        super().__init__(stack)
        self.object_id = f"00000000-0000-4000-8000-0000000a{number:04d}"
        self._token = stack.control.create_token(
            NewToken(
                audience=API_AUDIENCE, person=True, roles=list(roles), groups=list(groups), object_id=self.object_id
            )
        )

    def decide(self, operation: dict[str, Any], verdict: str, **body: Any) -> requests.Response:
        """Approve or reject (`verdict`) the plan that an operation shows."""
        body = {"planSha256": operation["approval"]["planSha256"], **body}
        return self.send("POST", f"operations/{operation['id']}/{verdict}", json=body)


def await_step(portal: Portal, operation_id: str, name: str, status: str = "Running") -> dict[str, Any]:
    """Read an operation again and again until a step has this status."""
    deadline = time.monotonic() + 60
    while True:
        operation = portal.operation(operation_id)
        steps = {step["name"]: step["status"] for step in operation["steps"]}
        if steps[name] == status:
            return operation
        assert time.monotonic() < deadline, steps
        time.sleep(0.25)
