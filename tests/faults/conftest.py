"""Custodians for all provisions."""

import pytest

from tests.custodians import Custodian, make_custodian


@pytest.fixture(scope="session")
def keys() -> list[Custodian]:
    return [make_custodian(f"Custodian {number}") for number in range(3)]
