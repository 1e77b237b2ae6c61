"""What the local Azure bears: with 1,000 HSMs, status requests a second beside their client, and its memory.

Run from the repository: `.venv/bin/python -m benchmarks.local_azure`. Exits 1 where a limit is passed. The same client
asks the control API's clock in turn, which does nothing: the ratio says what a status costs over the server itself.
"""

import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx
from azure.identity import ClientSecretCredential

from local.azure.control.client import ControlClient
from local.azure.launch import LocalAzure, start_local_azure

HSMS: Final = 1000
ROUNDS: Final = 5
REQUESTS: Final = 300
REQUESTS_LIMIT: Final = 100.0
MEMORY_LIMIT_MEGABYTES: Final = 600.0
ARM: Final = "https://management.azure.com"


def main() -> int:
    """Measure, print, and hold against the limits."""
    with tempfile.TemporaryDirectory() as directory:
        azure = start_local_azure(Path(directory), 0, 0)
        try:
            return measure(azure)
        finally:
            azure.process.stop()


def measure(azure: LocalAzure) -> int:
    """Make the HSMs, then ask for their states and for nothing, in turn."""
    control = ControlClient(azure.endpoints.control_url)
    control.change_resource_manager(quota=HSMS)
    before = read_memory(azure)
    with open_client(azure) as client:
        began = time.perf_counter()
        paths = [create_hsm(client, azure, number) for number in range(HSMS)]
        print(f"creation of {HSMS:,} HSMs: {HSMS / (time.perf_counter() - began):.0f} a second")
        states, nothing = [], []
        turn = itertools.cycle(paths)
        for _ in range(ROUNDS):
            states.append(rate(lambda: client.get(next(turn)).raise_for_status()))
            nothing.append(rate(lambda: client.get(f"{azure.endpoints.control_url}/clock").raise_for_status()))
    memory = read_memory(azure)
    requests = statistics.median(states)
    print(f"status requests:           {requests:.0f} a second (limit {REQUESTS_LIMIT:.0f})")
    idle = statistics.median(nothing)
    print(f"requests that do nothing:  {idle:.0f} a second, so the ratio is {requests / idle:.2f}")
    print(f"memory: {before:.0f} MB at first, {memory:.0f} MB with {HSMS:,} HSMs (limit {MEMORY_LIMIT_MEGABYTES:.0f})")
    return 0 if requests >= REQUESTS_LIMIT and memory < MEMORY_LIMIT_MEGABYTES else 1


def open_client(azure: LocalAzure) -> httpx.Client:
    """Open a client that goes through the proxy, as an SDK does, and keeps its connections."""
    endpoints = azure.endpoints
    os.environ.update(azure.environment())
    with ClientSecretCredential(endpoints.tenant_id, endpoints.client_id, endpoints.client_secret) as credential:
        token = credential.get_token(f"{ARM}/.default").token
    return httpx.Client(headers={"Authorization": f"Bearer {token}"}, params={"api-version": "2024-11-01"}, timeout=30)


def create_hsm(client: httpx.Client, azure: LocalAzure, number: int) -> str:
    """Create an HSM and give the address of its state."""
    group = f"{ARM}/subscriptions/{azure.endpoints.subscription_id}/resourceGroups/rg-many"
    if number == 0:
        client.put(group, json={"location": "norwayeast"}).raise_for_status()
    path = f"{group}/providers/Microsoft.KeyVault/managedHSMs/many-{number}"
    body = {
        "location": "norwayeast",
        "sku": {"family": "B", "name": "Standard_B1"},
        "properties": {"tenantId": azure.endpoints.tenant_id, "initialAdminObjectIds": [azure.endpoints.client_id]},
    }
    client.put(path, json=body).raise_for_status()
    return path


def rate(request: Callable[[], object]) -> float:
    """Give how many requests a second there are, one after the other."""
    began = time.perf_counter()
    for _ in range(REQUESTS):
        request()
    return REQUESTS / (time.perf_counter() - began)


def read_memory(azure: LocalAzure) -> float:
    """Give the resident memory of the local Azure without Azurite, in megabytes."""
    status = Path(f"/proc/{azure.process.process_id}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    sys.exit(main())
