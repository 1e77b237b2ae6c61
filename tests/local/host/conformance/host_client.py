"""What a caller does with a running local host, over HTTP alone."""

import json
import time
from collections.abc import Callable
from typing import Any, Final

import requests

from local.host.launch import LocalHost

WAIT_SECONDS: Final = 20
_PAUSE_SECONDS: Final = 0.02
_DURABLE: Final = "runtime/webhooks/durabletask"
_ENDED: Final = {"Completed", "Failed", "Terminated", "Canceled"}


def until[Found](look: Callable[[], Found | None], seconds: float = WAIT_SECONDS) -> Found:
    """Look until there is something, and give it."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"nothing after {seconds} s"
        time.sleep(_PAUSE_SECONDS)
    return found


class HostClient:
    """Calls a host's functions and its own APIs, each with the key that opens it."""

    def __init__(self, host: LocalHost) -> None:
        self.host = host

    def send(self, method: str, path: str, key: str | None = None, **more: Any) -> requests.Response:
        """Send a request, with a key or without."""
        headers = {**more.pop("headers", {}), **({"x-functions-key": key} if key is not None else {})}
        return requests.request(method, f"{self.host.functions_url}/{path}", headers=headers, timeout=30, **more)

    def function(self, method: str, path: str, **more: Any) -> requests.Response:
        """Call an HTTP function of the app."""
        return self.send(method, f"api/{path}", self.host.functions_key, **more)

    def durable(self, method: str, path: str, **more: Any) -> requests.Response:
        """Call the durable management API."""
        return self.send(method, f"{_DURABLE}/{path}", self.host.durable_key, **more)

    def admin(self, method: str, path: str, **more: Any) -> requests.Response:
        """Call the admin API."""
        return self.send(method, f"admin/{path}", self.host.master_key, **more)

    def deliver(self, function: str, body: Any, event_type: str = "Notification") -> requests.Response:
        """Deliver to a function as Event Grid does."""
        headers = {"aeg-event-type": event_type}
        query = {"functionName": function, "code": self.host.event_grid_key}
        return self.send("POST", "runtime/webhooks/eventgrid", headers=headers, params=query, json=body)

    def advance_clock(self, seconds: float) -> None:
        """Let time pass at once."""
        answer = self.admin("PUT", "host/clock", json={"advanceSeconds": seconds})
        assert answer.status_code == 200, answer.text

    # --- orchestrations

    def start(self, orchestrator: str, value: Any = None, instance_id: str | None = None, **query: Any) -> str:
        """Start an orchestration and give its id."""
        path = f"orchestrators/{orchestrator}" + (f"/{instance_id}" if instance_id else "")
        answer = self.durable("POST", path, json=value, params=query)
        assert answer.status_code == 202, answer.text
        started: str = answer.json()["id"]
        return started

    def describe(self, instance_id: str, **query: Any) -> dict[str, Any]:
        """Give an instance's status document."""
        answer = self.durable("GET", f"instances/{instance_id}", params=query)
        assert answer.status_code in (200, 202), answer.status_code
        document: dict[str, Any] = answer.json()
        return document

    def await_status(self, instance_id: str, *statuses: str) -> dict[str, Any]:
        """Wait until an instance has one of these statuses, and describe it."""

        def look() -> dict[str, Any] | None:
            document = self.describe(instance_id)
            return document if document["runtimeStatus"] in statuses else None

        return until(look)

    def end_of(self, instance_id: str) -> dict[str, Any]:
        """Wait for an instance's end, whichever, and describe it."""
        return self.await_status(instance_id, *_ENDED)

    def output_of(self, instance_id: str) -> Any:
        """Wait until an instance has completed, and give its output."""
        document = self.end_of(instance_id)
        assert document["runtimeStatus"] == "Completed", document
        return document["output"]

    def run(self, orchestrator: str, value: Any = None) -> Any:
        """Run an orchestration to its end and give its output."""
        return self.output_of(self.start(orchestrator, value))

    def fail(self, orchestrator: str, value: Any = None) -> Any:
        """Run an orchestration that is to fail, and give the failure's text."""
        document = self.end_of(self.start(orchestrator, value))
        assert document["runtimeStatus"] == "Failed", document
        return document["output"]

    def raise_event(self, instance_id: str, name: str, data: Any) -> None:
        """Hand an event to an instance."""
        headers = {"content-type": "application/json"}
        path = f"instances/{instance_id}/raiseEvent/{name}"
        # requests sends no body for a None as `json`.
        answer = self.durable("POST", path, data=json.dumps(data), headers=headers)
        assert answer.status_code == 202, answer.text
