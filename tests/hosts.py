"""Deployments with other settings, on the Azure of the other tests."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from local.child_process import REPOSITORY
from local.host.launch import start_local_host
from local.stack import Stack, app_settings


@contextmanager
def deployed(stack: Stack, directory: Path, settings: Mapping[str, str]) -> Iterator[Stack]:
    """Run a host of its own with these settings besides the necessary ones; on a directory again, it goes on."""
    everything = {**app_settings(stack.azure), **settings}
    everything = {name: value for name, value in everything.items() if value}
    host = start_local_host(REPOSITORY, directory, everything, stack.azure.environment())
    try:
        yield stack._replace(host=host)
    finally:
        host.process.stop()


def log_lines(directory: Path) -> list[str]:
    """Read what a host and its worker logged."""
    return (directory / "host.log").read_text().splitlines()
