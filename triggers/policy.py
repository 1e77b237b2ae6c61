"""What the caller may ask for, by the deployment's policy and the operators' switches."""

from typing import Literal

from domain.caller import ROLES
from domain.model import Model
from domain.policy_rules import PolicyDescription, describe_policy
from domain.settings import deployment_policy, settings
from triggers.door.calls import Answer, Call


class CallerView(Model):
    """Who is calling: its app roles, and the teams whose HSMs it may ask for."""

    object_id: str
    """Its Entra object id."""
    kind: Literal["application", "person"]
    """Whether it is an application or a person."""
    roles: list[str]
    """Its app roles, of those that this API knows."""
    teams: list[str]
    """Its teams by the deployment's policy."""


class PolicyView(PolicyDescription):
    """What a caller may ask for now; `"*"` in a list stands for everything."""

    caller: CallerView
    """Who is calling."""
    creation_stopped: bool
    """Whether the operators have stopped the creation of HSMs."""
    destruction_and_export_stopped: bool
    """Whether the operators have stopped destruction, and the export of security domains."""


def get_policy(call: Call) -> Answer:
    """Describe what the caller may ask for."""
    caller = CallerView(
        object_id=call.caller.object_id,
        kind=call.caller.kind,
        roles=sorted(call.caller.roles.intersection(ROLES)),
        teams=sorted(call.grant.teams),
    )
    view = PolicyView(
        **dict(describe_policy(deployment_policy(), call.grant)),
        caller=caller,
        creation_stopped=settings().stop_creation,
        destruction_and_export_stopped=settings().stop_destruction_and_export,
    )
    return Answer(200, view)
