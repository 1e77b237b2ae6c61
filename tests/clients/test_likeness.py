"""What counts as being as it is wanted, and what has to be written."""

from typing import Any

import pytest

from clients.likeness import is_like

GROUP = "/subscriptions/1/resourceGroups/rg-hub/providers/Microsoft.Insights/actionGroups/on-call"


@pytest.mark.parametrize(
    ("found", "wanted", "alike"),
    [
        ({"level": "CanNotDelete", "owners": []}, {"level": "CanNotDelete"}, True),
        ({"level": "ReadOnly"}, {"level": "CanNotDelete"}, False),
        ({"actions": [{"id": GROUP.lower(), "more": {}}]}, {"actions": [{"id": GROUP}]}, True),
        ({"actions": [{"id": GROUP}]}, {"actions": [GROUP]}, False),
        ({"actions": [GROUP.lower()]}, {"actions": [GROUP]}, True),
        ({"query": "A"}, {"query": "a"}, False),
        ({"threshold": 99}, {"threshold": 99.0}, True),
        ({"enabled": False}, {"enabled": True}, False),
        # What Azure does not say is not there; what is there and not wanted differs.
        ({}, {"workspaceId": None}, True),
        ({"workspaceId": "/subscriptions/1"}, {"workspaceId": None}, False),
        ({"logs": [1]}, {"logs": [1, 2]}, False),
        ({"logs": [2, 1]}, {"logs": [1, 2]}, False),
        (None, {"logs": []}, False),
        ({"logs": "text"}, {"logs": []}, False),
        ({"scope": None}, {"scope": "/subscriptions/1"}, False),
    ],
)
def test_a_resource_is_like_what_is_wanted(found: Any, wanted: Any, alike: bool) -> None:
    assert is_like(found, wanted) is alike
