"""Starts a local Azure in a process of its own and stops it."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from local.azure.endpoints import ENDPOINTS_FILE, AzureEndpoints

_REPOSITORY: Final = Path(__file__).resolve().parents[2]
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.05


class LocalAzure:
    """A running local Azure."""

    def __init__(self, process: subprocess.Popen[bytes], endpoints: AzureEndpoints) -> None:
        self._process = process
        self.endpoints = endpoints

    def environment(self) -> dict[str, str]:
        """Give the variables with which any client finds this Azure: HTTPS_PROXY and the two names of the CA bundle."""
        return self.endpoints.environment()

    def stop(self) -> None:
        """End it and everything that it started; ending it twice is harmless."""
        _end(self._process)


def start_local_azure(state_directory: Path, provisioning_seconds: float, activation_seconds: float) -> LocalAzure:
    """Start a local Azure and wait until everything in it answers; its log is `azure.log` in the state directory."""
    state_directory = state_directory.resolve()
    state_directory.mkdir(parents=True, exist_ok=True)
    ready = state_directory / ENDPOINTS_FILE
    ready.unlink(missing_ok=True)
    log = state_directory / "azure.log"
    command = [sys.executable, "-m", "local.azure", "--state-directory", str(state_directory)]
    command += ["--provisioning-seconds", str(provisioning_seconds), "--activation-seconds", str(activation_seconds)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=_REPOSITORY, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    deadline = time.monotonic() + _START_SECONDS
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            _end(process)
            message = f"the local Azure did not start:\n{log.read_text(errors='replace')[-4000:]}"
            raise RuntimeError(message)
        time.sleep(_POLL_SECONDS)
    return LocalAzure(process, AzureEndpoints.model_validate_json(ready.read_text()))


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
