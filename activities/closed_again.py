"""What refused a step of an HSM whose firewall was opened for a while: that it is closed again."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from activities.context import now
from clients import archive
from clients.openings import require_open
from domain.errors import ServiceError
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
"""The steps of a provision, and of a restore, that ask the HSM itself, once it could be reached."""


@contextmanager
def explained(step: str, work: object) -> Iterator[None]:
    """Raise ServiceError `temporary_opening_over` in place of `azure_forbidden` where the HSM was closed by the clock.

    The same 403 may come of a role that is missing: the HSM's firewall is asked, and the clock.
    """
    try:
        yield
    except ServiceError as error:
        if error.detail.code == "azure_forbidden" and step in ON_DATA_PLANE and isinstance(work, Work):
            _raise_if_closed(work)
        raise


def _raise_if_closed(work: Work) -> None:
    try:
        require_still_open(_find_plan(work))
    except ServiceError as error:
        # Whatever else keeps us from looking says less than what the step was refused with.
        if error.detail.code == "temporary_opening_over":
            raise


def require_still_open(plan: Plan | None) -> None:
    """Raise ServiceError `temporary_opening_over` where a plan opens its HSM for a while, and that is over."""
    if plan is not None and plan.handover is not None and plan.handover.temporary_opening is not None:
        require_open(plan.hsm, now())


def _find_plan(work: Work) -> Plan | None:
    hsm = hsm_of_operation(work.operation_id)
    return archive.find_plan(hsm, work.operation_id) if hsm else None
