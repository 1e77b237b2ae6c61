from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.host.engine.backends import OurBackend
from tests.local.host.engine.durable_work import GATES, forget


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[OurBackend]:
    backend = OurBackend(tmp_path)
    backend.start()
    yield backend
    for gate in GATES.values():
        gate.set()
    backend.stop()
    forget()
