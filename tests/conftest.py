"""The whole stack, started once for all tests that drive it: real host, real worker, real TLS, real Azurite."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from local.policy import TEAM_A, TEAM_B
from local.portal import Portal
from local.stack import Application, Stack, register_application, running_stack
from tests.custodians import Custodian, make_custodian
from tests.file_order import order_files
from tests.policies import SHARED_POLICY

_NUMBERS = itertools.count(1)

# How long an example takes depends on who else uses the machine.
settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort by file, where several run at once: within one, tests keep their order."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    files = [item.nodeid.partition("::")[0] for item in items]
    places = {file: place for place, file in enumerate(order_files(files))}
    items.sort(key=lambda item: places[item.nodeid.partition("::")[0]])


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    directory: Path = tmp_path_factory.mktemp("stack") / "run"
    policy = {"HSM_PROVISIONER_POLICY": SHARED_POLICY}
    with running_stack(directory, provisioning_seconds=0.6, activation_seconds=0.6, settings=policy) as running:
        yield running


@pytest.fixture(scope="session")
def portal(stack: Stack) -> Portal:
    return Portal(stack)


@pytest.fixture(scope="session")
def other_portal(stack: Stack) -> Portal:
    return Portal(stack, register_application(stack.control, "another portal", ["Hsm.Request"], groups=[TEAM_B]))


@pytest.fixture(scope="session")
def stranger(stack: Stack) -> Application:
    return register_application(stack.control, "no role at all", [], groups=[TEAM_A])


@pytest.fixture(scope="session")
def custodians() -> list[Custodian]:
    return [make_custodian(f"Custodian {number}") for number in range(1, 4)]


@pytest.fixture
def hsm_name(stack: Stack) -> Iterator[str]:
    """A name of its own for each test; what the test left of it gives its share of the quota back."""
    name = f"hsm-{os.getpid()}-{next(_NUMBERS)}"
    yield name
    stack.control.forget_hsms()


@pytest.fixture(autouse=True)
def calm(request: pytest.FixtureRequest) -> Iterator[None]:
    """Undo what a test did to the local Azure."""
    yield
    if "stack" in request.fixturenames:
        control = request.getfixturevalue("stack").control
        control.change_timing(0.6, 0.6)
        control.change_export_mode("again")
