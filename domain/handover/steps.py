"""The steps of a provision that not every one has."""

from collections.abc import Collection
from typing import Final

from domain.handover.local_roles import BACKUP_USER
from domain.handover.request import Handover, gives_up
from domain.handover.role_rules import wanted_assignments
from domain.requests import HsmSpecification

STEPS_BY_MEMBER: Final[dict[str, tuple[str, ...]]] = {
    "private_endpoints": ("create_private_endpoints", "await_private_endpoints"),
    "temporary_opening": ("open_temporarily", "close_opening"),
    "settings": ("change_settings",),
    "keys": ("create_keys", "leave_keys"),
    "local_role_definitions": ("define_local_roles",),
    "local_role_assignments": ("assign_local_roles",),
    "diagnostics": ("send_diagnostics",),
    "alerts": ("create_alerts",),
    "full_backup": ("back_up", "await_backed_up"),
    "lock": ("lock_hsm",),
    "administration": ("give_up_administration",),
}
"""By the member that asks for them, which is one part of the hand-over, but for `PASSING`."""
PASSING: Final = "temporary_opening"
"""The member of what is gone again at the end, and no part of what is handed over."""
BUILDING: Final = frozenset(step for name, steps in STEPS_BY_MEMBER.items() if name != PASSING for step in steps)
"""The steps that build a part of the hand-over."""

CONNECTING: Final = frozenset(
    {*STEPS_BY_MEMBER["private_endpoints"], *STEPS_BY_MEMBER["temporary_opening"], "reach_data_plane"}
)
"""The steps by which the service reaches an HSM."""


def steps_of(handover: Handover, request: HsmSpecification) -> list[str]:
    """Name the steps that are taken for a hand-over, of those that not every provision has."""
    wanted = [step for member, steps in STEPS_BY_MEMBER.items() if wants(handover, member) for step in steps]
    if handover.private_endpoints or _restricts(request):
        wanted.append("reach_data_plane")
    return wanted


def wants(handover: Handover, member: str) -> bool:
    """Say whether a part of a hand-over is wanted."""
    if member == "administration":
        return gives_up(handover)
    # Keys have consumers, who are given roles, too.
    return bool(wanted_assignments(handover) if member == "local_role_assignments" else getattr(handover, member))


def needs_administration(handover: Handover, kept: Collection[str]) -> bool:
    """Say whether the service must administer the HSM for it; for a backup a role is enough that it may have kept."""
    if handover.full_backup is not None and BACKUP_USER not in kept:
        return True
    parts = (handover.settings, handover.keys, handover.local_role_definitions, handover.local_role_assignments)
    return any(parts)


def _restricts(request: HsmSpecification) -> bool:
    return request.public_network_access == "Disabled" or request.network.default_action == "Deny"
