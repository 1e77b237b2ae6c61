"""How far a security domain is from being lost."""

from typing import Final, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.verifications import CertificateState, QuorumHealth, judge_quorum

U: Final = "Usable"
P: Final = "Offline"
X: Final = "Unknown"
D: Final = "Disabled"
M: Final = "Missing"
STATES: list[CertificateState] = list(get_args(CertificateState))


@pytest.mark.parametrize(
    ("quorum", "certificates", "health"),
    [
        (2, [U, U, U], "Healthy"),
        (2, [P, P, P], "Healthy"),
        (2, [U, P, U], "Healthy"),
        (2, [U, U, D], "Critical"),
        (2, [U, U, U, M], "Warning"),
        (2, [U, U, X, M], "Warning"),
        (2, [U, U, D, M], "Critical"),
        (2, [U, M, D, M], "Critical"),
        (2, [U, U, X], "Unknown"),
        (2, [X, X, X], "Unknown"),
        (2, [X, X, M], "Critical"),
        (3, [U, U, U], "Critical"),
        (2, [], "Critical"),
    ],
)
def test_health_follows_from_what_is_lost(
    quorum: int, certificates: list[CertificateState], health: QuorumHealth
) -> None:
    assert judge_quorum(quorum, certificates, intact=True) == health
    assert judge_quorum(quorum, certificates, intact=False) == "Critical"


@given(st.integers(2, 10), st.lists(st.sampled_from(STATES), max_size=10), st.data())
def test_one_more_loss_never_makes_it_better(
    quorum: int, certificates: list[CertificateState], data: st.DataObject
) -> None:
    ranks = ["Healthy", "Unknown", "Warning", "Critical"]
    before = judge_quorum(quorum, certificates, intact=True)
    if certificates:
        index = data.draw(st.integers(0, len(certificates) - 1))
        after = judge_quorum(quorum, [*certificates[:index], "Missing", *certificates[index + 1 :]], intact=True)
        assert ranks.index(after) >= ranks.index(before)
