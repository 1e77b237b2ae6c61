"""Starts a local Azure as a process of its own and waits until it answers."""

from pathlib import Path
from typing import NamedTuple

from local.azure.endpoints import Endpoints
from local.child_process import ChildProcess, start_child_process


class LocalAzure(NamedTuple):
    """A running local Azure, and where its services are."""

    process: ChildProcess
    endpoints: Endpoints

    def environment(self) -> dict[str, str]:
        """Give the variables by which every client finds the proxy and trusts its certificates."""
        return self.endpoints.environment()


def start_local_azure(state_directory: Path, provisioning_seconds: float, activation_seconds: float) -> LocalAzure:
    """Start a local Azure whose HSMs take these times; raises NotStarted."""
    arguments = ["--provisioning-seconds", str(provisioning_seconds), "--activation-seconds", str(activation_seconds)]
    process = start_child_process("local.azure", state_directory, "azure", arguments)
    return LocalAzure(process, Endpoints.model_validate_json(process.document))
