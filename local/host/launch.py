"""Starts a local host as a process of its own and waits until it answers."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import requests

START_SECONDS: Final = 60
STOP_SECONDS: Final = 15


class HostNotStarted(RuntimeError):  # noqa: N818 - it says what happened
    """The host did not come up; the text is the end of its log."""


class LocalHost:
    """A running local host."""

    def __init__(self, process: subprocess.Popen[bytes], log_path: Path, document: dict[str, str]) -> None:
        self._process = process
        self.log_path = log_path
        self.functions_url = document["functionsUrl"]
        self.functions_key = document["functionsKey"]
        self.master_key = document["masterKey"]
        self.durable_address = document["durableAddress"]

    def worker_process_id(self) -> int:
        """Give the id of the process that runs the app now."""
        response = requests.get(
            f"{self.functions_url}/admin/host/status", headers={"x-functions-key": self.master_key}, timeout=10
        )
        response.raise_for_status()
        return int(response.json()["worker"]["processId"])

    def stop(self) -> None:
        """End the host, and its worker with it."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def start_local_host(
    app_directory: Path, state_directory: Path, settings: dict[str, str], environment: dict[str, str] | None = None
) -> LocalHost:
    """Start a host for an app.

    `settings` are the app's settings; `environment` is added to this process's for the host and its worker. Raises
    HostNotStarted.
    """
    state_directory.mkdir(parents=True, exist_ok=True)
    settings_file = state_directory / "settings.json"
    settings_file.write_text(json.dumps({"Values": settings}))
    log_path = state_directory / "host.log"
    command = [sys.executable, "-m", "local.host", "--app-directory", str(app_directory)]
    command += ["--state-directory", str(state_directory), "--settings", str(settings_file)]
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            cwd=Path(__file__).resolve().parents[2],
            env={**os.environ, **(environment or {})},
        )
    return LocalHost(process, log_path, _await_document(process, state_directory / "host.json", log_path))


def _await_document(process: subprocess.Popen[bytes], path: Path, log_path: Path) -> dict[str, str]:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if path.exists():
            document: dict[str, str] = json.loads(path.read_text())
            return document
        time.sleep(0.05)
    process.kill()
    process.wait()
    raise HostNotStarted(log_path.read_text()[-4000:])
