"""Starts a local host as a process of its own and waits until it answers."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import requests

from local.child_process import ChildProcess, start_child_process

WORKER_SECONDS: Final = 30


class LocalHost:
    """A running local host."""

    def __init__(self, process: ChildProcess) -> None:
        document = json.loads(process.document)
        self.process = process
        self.functions_url: str = document["functionsUrl"]
        self.functions_key: str = document["functionsKey"]
        self.master_key: str = document["masterKey"]
        self.durable_key: str = document["durableKey"]
        self.event_grid_key: str = document["eventGridKey"]
        self.durable_address: str = document["durableAddress"]

    def worker_process_id(self) -> int:
        """Give the id of the process that runs the app, as soon as there is one; raises TimeoutError."""
        deadline = time.monotonic() + WORKER_SECONDS
        while time.monotonic() < deadline:
            response = requests.get(
                f"{self.functions_url}/admin/host/status", headers={"x-functions-key": self.master_key}, timeout=10
            )
            response.raise_for_status()
            process_id: int | None = response.json()["worker"]["processId"]
            if process_id is not None:
                return process_id
            time.sleep(0.02)
        message = f"the host has had no worker for {WORKER_SECONDS} s"
        raise TimeoutError(message)

    def event_grid_url(self, function: str) -> str:
        """Give the webhook at which an Event Grid function takes events; its key is in it."""
        query = urlencode({"functionName": function, "code": self.event_grid_key})
        return f"{self.functions_url}/runtime/webhooks/eventgrid?{query}"

    def fire(self, function: str) -> None:
        """Invoke a function that a timer or a message starts, by hand and at once, as an operator would."""
        response = requests.post(
            f"{self.functions_url}/admin/functions/{function}",
            json={},
            headers={"x-functions-key": self.master_key},
            timeout=10,
        )
        response.raise_for_status()

    def advance_clock(self, seconds: float) -> None:
        """Move the host's time on; it was started with `--control`."""
        response = requests.put(
            f"{self.functions_url}/admin/host/clock",
            json={"advanceSeconds": seconds},
            headers={"x-functions-key": self.master_key},
            timeout=10,
        )
        response.raise_for_status()


def start_local_host(
    app_directory: Path,
    state_directory: Path,
    settings: dict[str, str],
    environment: dict[str, str] | None = None,
    arguments: Sequence[str] = (),
) -> LocalHost:
    """Start a host for an app on a free port.

    `settings` are the app's settings, whatever this process's environment says of them; `environment` is added to that;
    `arguments` are more of the host's command line. Raises NotStarted.
    """
    state_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings_file = state_directory / "settings.json"
    settings_file.touch(mode=0o600)
    settings_file.write_text(json.dumps({"Values": settings}))
    line = ["--app", str(app_directory), "--settings", str(settings_file), "--port", "0", *arguments]
    return LocalHost(
        start_child_process("local.host", state_directory, "host", line, {**(environment or {}), **settings})
    )
