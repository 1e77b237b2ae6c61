"""Starts a local Azure as a process of its own and waits until it answers."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from local.azure.endpoints import Endpoints

START_SECONDS: Final = 60
STOP_SECONDS: Final = 15


class AzureNotStarted(RuntimeError):  # noqa: N818 - it says what happened
    """The local Azure did not come up; the text is the end of its log."""


class LocalAzure:
    """A running local Azure."""

    def __init__(self, process: subprocess.Popen[bytes], log_path: Path, endpoints: Endpoints) -> None:
        self._process = process
        self.log_path = log_path
        self.endpoints = endpoints

    def environment(self) -> dict[str, str]:
        """Give the variables by which every client finds the proxy and trusts its certificates."""
        return self.endpoints.environment()

    def stop(self) -> None:
        """End it, and Azurite with it."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def start_local_azure(state_directory: Path, provisioning_seconds: float, activation_seconds: float) -> LocalAzure:
    """Start a local Azure whose HSMs take these times; raises AzureNotStarted."""
    state_directory.mkdir(parents=True, exist_ok=True)
    log_path = state_directory / "azure.log"
    document = state_directory / "azure.json"
    # One that was killed leaves its document behind.
    document.unlink(missing_ok=True)
    command = [sys.executable, "-m", "local.azure", "--state-directory", str(state_directory)]
    command += ["--provisioning-seconds", str(provisioning_seconds), "--activation-seconds", str(activation_seconds)]
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=Path(__file__).resolve().parents[2]
        )
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if document.exists():
            return LocalAzure(process, log_path, Endpoints.model_validate_json(document.read_text()))
        time.sleep(0.05)
    process.terminate()
    process.wait()
    raise AzureNotStarted(log_path.read_text()[-4000:])
