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


ENVIRONMENTS: Final[dict[str, dict[str, Any]]] = {"production": {}, "ephemeral": {}, "development": {}}
_KEEPS_ADMINISTRATION: Final = {"administration": {"giveUp": False}}


def policy(**changes: Any) -> str:
    """Write the policy as the app setting has it.

    Here the service stays an administrator of its HSMs where nothing else is said: what is tried over and over waits
    for nobody who grants it that again.
    """
    environments = changes.pop("environments", ENVIRONMENTS)
    return json.dumps(
        {
            "environments": {
                name: {"handover": _KEEPS_ADMINISTRATION, **rules} for name, rules in environments.items()
            },
            "subscriptions": ["*"],
            "locations": ["norwayeast", "westeurope", "swedencentral"],
            "skus": ["Standard_B1"],
            "callers": [caller("team a", TEAM_A, ["team-a"]), caller("team b", TEAM_B, ["team-b"])],
            **changes,
        }
    )
