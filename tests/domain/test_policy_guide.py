"""docs/policy.md says what the code does: its tables, its example, its mistakes."""

import json
import re
from typing import Final

import pytest

from domain.policy import PolicyInvalid, parse_policy
from domain.policy_rules import find_grant
from tests.domain.policy_documents import Document, caller, document, text_of
from tests.domain.policy_members import GUIDE, members_tables, replace_tables

EXAMPLE: Final = (GUIDE.parent / "examples" / "policy.json").read_text()

BAD: Final[Document] = document(
    subscriptions=["*", "my-subscription"],
    locations=[],
    skus=["Standard_B2"],
    namePattern="(a+)+b",
    requiredTags={"costCenter": "[0-9", "COSTCENTER": "[0-9]{4}"},
    minimumRetentionDays=3,
    purgeProtection=True,
    environments={"production": {"purgeProtection": False}},
    approval={"kinds": ["delete"]},
    callers=[
        caller(wrappingVaults=["https://vault-a.vault.azure.net"]),
        caller(administrators=["me"], wrappingThumbprints=["AB:CD"]),
        caller(application=None, teams=["Team A"]),
    ],
)


def block(language: str) -> str:
    (text,) = re.findall(rf"^```{language}\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    return str(text)


def test_the_tables_are_those_of_the_models() -> None:
    guide = GUIDE.read_text()
    assert members_tables() in guide, "Write them again: .venv/bin/python -m tests.domain.policy_members"
    assert replace_tables(guide) == guide


def test_the_example_is_a_policy() -> None:
    assert block("json") == EXAMPLE
    policy = parse_policy(EXAMPLE)
    group = json.loads(EXAMPLE)["callers"][1]["group"]
    assert find_grant(policy, [group]).teams == {"identity", "identity-lab"}
    assert len(find_grant(policy, [group]).wrapping_thumbprints) == 3


def test_the_mistakes_are_those_that_are_named() -> None:
    with pytest.raises(PolicyInvalid) as invalid:
        parse_policy(text_of(BAD))
    assert block("text").splitlines() == invalid.value.mistakes
