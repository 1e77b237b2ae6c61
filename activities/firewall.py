"""What refused a step that asks the HSM itself: its firewall, which may have been opened for a while."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from activities.context import now
from clients import archive
from clients.openings import require_open
from clients.reachability import find_obstacle
from domain.errors import ServiceError
from domain.handover.reaching import data_plane_unreachable
from domain.names import hsm_of_operation
from domain.outcomes import Work
from domain.records import Plan

ON_DATA_PLANE: Final = frozenset(
    {
        *("download_security_domain", "await_activation", "change_settings", "create_keys", "await_key_access"),
        *("leave_keys", "define_local_roles", "assign_local_roles", "back_up", "await_backup_turn", "await_backed_up"),
        *("fetch_transfer_key", "upload_security_domain", "await_restored", "back_up_hsm", "await_backup"),
        *("restore_backup", "await_backup_restored", "give_up_administration"),
    }
)
"""The steps that ask the HSM itself."""
_REFUSED: Final = ("azure_forbidden", "data_plane_unreachable")


@contextmanager
def explained(step: str, work: object) -> Iterator[None]:
    """Raise what can be acted upon in place of `azure_forbidden`, where the HSM's firewall refused a step.

    ServiceError `temporary_opening_over` where it was closed by the clock, else `data_plane_unreachable`. The same 403
    may come of a role that is missing: the firewall is asked.
    """
    try:
        yield
    except ServiceError as error:
        if error.detail.code in _REFUSED and step in ON_DATA_PLANE and isinstance(work, Work):
            _raise_if_closed(work)
        raise


def _raise_if_closed(work: Work) -> None:
    hsm = hsm_of_operation(work.operation_id)
    try:
        require_still_open(archive.find_plan(hsm, work.operation_id) if hsm else None)
        if hsm and find_obstacle(hsm) == "firewall":
            raise data_plane_unreachable(hsm, "firewall")
    except ServiceError as error:
        # Whatever else keeps us from looking says less than what the step was refused with.
        if error.detail.code in ("temporary_opening_over", "data_plane_unreachable"):
            raise


def require_still_open(plan: Plan | None) -> None:
    """Raise ServiceError `temporary_opening_over` where a plan opens its HSM for a while, and that is over."""
    if plan is not None and plan.handover is not None and plan.handover.temporary_opening is not None:
        require_open(plan.hsm, now())
