"""What is known of prices, and what the policy says goes before."""

import pytest

from domain.policy import parse_policy
from domain.policy_rules import monthly_cost
from tests.domain.policy_documents import document, text_of


@pytest.mark.parametrize(
    ("stated", "sku", "cost"),
    [
        (None, "Standard_B1", 2500),
        ({}, "Standard_B1", 2500),
        ({"Standard_B1": 2400}, "Standard_B1", 2400),
        ({"Standard_B1": 0}, "Standard_B1", 0),
        ({"Custom_B32": 9000.5}, "Custom_B32", 9000.5),
        ({"Custom_B32": 9000.5}, "Standard_B1", 2500),
        (None, "Custom_B32", None),
        (None, "Standard_B2", None),
    ],
)
def test_monthly_cost(stated: dict[str, float] | None, sku: str, cost: float | None) -> None:
    members = {} if stated is None else {"monthlyCostUsd": stated}
    assert monthly_cost(parse_policy(text_of(document(**members))), sku) == cost
