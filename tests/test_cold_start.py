"""What a cold start loads: the heavy modules wait until they are used (benchmarks/cold_start.py measures it)."""

import subprocess
import sys

from local.child_process import REPOSITORY

HEAVY = {"jwt", "cryptography", "requests", "azure.core", "azure.identity", "azure.keyvault", "azure.mgmt"}
HEAVY |= {"azure.storage", "msal", "ulid", "azure.monitor", "opentelemetry.sdk"}
PROGRAM = """
import sys
import azure.functions, azure.durable_functions
before = set(sys.modules)
import {module}
print(*sorted(set(sys.modules) - before))
"""


def load(module: str) -> set[str]:
    """Name what importing a module loads besides the frameworks."""
    command = [sys.executable, "-c", PROGRAM.format(module=module)]
    output = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    return set(output.split())


def heavy(loaded: set[str]) -> set[str]:
    return {name for name in HEAVY if any(module == name or module.startswith(f"{name}.") for module in loaded)}


def test_importing_the_app_loads_nothing_heavy() -> None:
    loaded = load("function_app")
    assert "orchestrations.hsm_provisioning" in loaded
    assert heavy(loaded) == set()
    # The settings and the policy are checked at start, so their models load; nothing that serves requests does.
    assert {"pydantic", "domain.policy"} <= loaded
    assert not loaded & {"triggers.door.gateway", "triggers.representations", "domain.requests", "clients.blobs"}


def test_the_search_finds_what_is_loaded() -> None:
    assert {"cryptography", "azure.core"} <= heavy(load("cryptography.x509, azure.storage.blob"))


def test_nothing_is_loaded_for_telemetry_that_nobody_wants() -> None:
    program = """
import os, sys, threading
os.environ.pop("APPLICATIONINSIGHTS_CONNECTION_STRING", None)
from clients.telemetry import Measurement, tell
from clients.tracing import recording_activity
with recording_activity("preflight", "hsm-01HZZZZZZZZZZZZZZZZZZZZZZZ"):
    tell(Measurement("hsm_provisioner.operations", 1, {}))
assert threading.active_count() == 1
print(*sys.modules)
"""
    output = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, check=True, capture_output=True, text=True
    ).stdout
    loaded = set(output.split())
    assert "clients.tracing" in loaded
    assert not {name for name in loaded if name.startswith(("opentelemetry.sdk", "azure.monitor"))}
