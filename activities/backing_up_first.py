"""What the steps have in common that back an HSM up at its hand-over, or before it is deleted."""

from typing import Final

from activities.context import now
from activities.decommissioning import deletion_of
from clients import archive
from clients.backup_history import find_history
from domain.backup_history import BackupHistory, KeptBackup, is_due
from domain.backups import BackupTarget, FullBackup
from domain.errors import FieldError, refused_fields, service_error
from domain.fields import OperationKind
from domain.handover.full_backups import BACKUP_CONTAINER
from domain.policy_rules import require_backup_place
from domain.records import Plan
from domain.settings import deployment_policy

BACKED_UP: Final[tuple[OperationKind, ...]] = ("provision", "decommission")
"""The kinds of operations that keep a full backup of the HSM."""


def backup_target_of(plan: Plan) -> BackupTarget:
    """Give where a plan backs its HSM up to; raises ServiceError `not_planned`."""
    target = deletion_of(plan).backup if plan.kind == "decommission" else plan.backup_target
    if target is None:
        raise service_error("not_planned", "The plan backs nothing up.", advice="Send the request again.")
    return target


def allowed_target_of(plan: Plan) -> BackupTarget:
    """Give where a plan backs its HSM up to, if the policy still has backups lie there.

    Raises ServiceError `backup_place_not_allowed`, also where HSMs reach the container by another identity by now; and
    as `backup_target_of` does.
    """
    target = backup_target_of(plan)
    field = BACKUP_CONTAINER if plan.kind == "provision" else "backupTo"
    place = require_backup_place(deployment_policy(), target.container, field)
    if place.identity.lower() != target.identity.lower():
        message = "By now the policy names another identity for this container. Send the request again."
        raise refused_fields([FieldError(field=field, message=message, code="backup_place_not_allowed")])
    return target


def find_last_backup(plan: Plan) -> KeptBackup | None:
    """Find the last good full backup of an HSM that is handed over; before a deletion none counts but its own."""
    history = _find_history(plan)
    return history.find_last(backup_target_of(plan).container) if history else None


def find_recent_backup(plan: Plan) -> KeptBackup | None:
    """Find the last good one, unless another is due by now."""
    history, wanted = _find_history(plan), plan.handover.full_backup if plan.handover else None
    if history is None or wanted is None or is_due(history, wanted, now()):
        return None
    return history.find_last(wanted.container)


def _find_history(plan: Plan) -> BackupHistory | None:
    record = archive.find_hsm_record(plan.hsm) if plan.kind == "provision" else None
    return find_history(record) if record else None


def made_backup_of(plan: Plan) -> FullBackup | None:
    """Give the full backup that was made for a deletion; None where none was planned.

    Raises ServiceError `backup_failed` where one was planned and none was seen to end well: nothing that an
    orchestration says stands in for it.
    """
    deletion = deletion_of(plan)
    if deletion.backup is None:
        return deletion.backed_up
    job = archive.find_job(plan.operation_id, "backup")
    if job is None or job.folder is None:
        raise service_error(
            "backup_failed",
            "The HSM is to be backed up before it is deleted, and no backup of it was seen to end well.",
            advice="Nothing was deleted. Send the request again.",
        )
    return FullBackup(container=deletion.backup.container, folder=job.folder)
