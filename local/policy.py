"""The policy of a local deployment: a group for each team, and everything is allowed to both."""

import json
from typing import Any, Final

TEAM_A: Final = "00000000-0000-4000-8000-00000000000a"
TEAM_B: Final = "00000000-0000-4000-8000-00000000000b"


def caller(name: str, group: str, teams: list[str], **limits: Any) -> dict[str, Any]:
    """Make an entry that lets the members of a group ask for anything, but for what is said."""
    everything = ["*"]
    return {
        "name": name,
        "group": group,
        "teams": teams,
        "subscriptions": everything,
        "administrators": everything,
        "wrappingVaults": everything,
        "wrappingThumbprints": everything,
        "requestsPerMinute": 100_000,
        **limits,
    }


def policy(**changes: Any) -> str:
    """Write the policy as the app setting has it."""
    return json.dumps(
        {
            "subscriptions": ["*"],
            "locations": ["norwayeast", "westeurope", "swedencentral"],
            "skus": ["Standard_B1"],
            "callers": [caller("team a", TEAM_A, ["team-a"]), caller("team b", TEAM_B, ["team-b"])],
            **changes,
        }
    )
