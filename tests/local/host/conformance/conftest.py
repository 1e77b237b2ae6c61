"""What starts hosts; those of a test module end with it."""

from collections.abc import Iterator

import pytest

from tests.local.host.conformance.host_client import HostClient
from tests.local.host.conformance.hosts import APPS, Hosts, Journal, started_hosts


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    with started_hosts(tmp_path_factory.mktemp("hosts")) as made:
        yield made


@pytest.fixture(scope="module")
def journal(hosts: Hosts) -> Journal:
    return hosts.journal


@pytest.fixture(scope="module")
def durable(hosts: Hosts) -> HostClient:
    """A host of the app that has one of each durable thing."""
    return hosts.start(APPS / "durable")
