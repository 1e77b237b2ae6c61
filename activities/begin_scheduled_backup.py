"""Have an HSM begin the full backup that is due by schedule."""

import logging
from typing import Final

from activities.auditing import record_scheduled_backup
from activities.backing_up import describe_refused_backup
from activities.context import find_own_hsm, now
from clients import archive, full_backups
from clients.backup_history import change_history, find_history
from clients.handovers import wanted_handover_of
from clients.ownership import require_destruction_and_export_allowed
from domain.backup_history import BackupHistory, RunningBackup, is_due, is_too_old
from domain.errors import RefusedByAzure, ServiceError
from domain.handover.full_backups import BACKUP_CONTAINER, BackupRequest
from domain.outcomes import AskedHsm, Outcome, done
from domain.policy_rules import require_backup_place
from domain.records import HsmRecord
from domain.settings import deployment_policy, settings

_log: Final = logging.getLogger("hsm_provisioner.backups")


def begin_scheduled_backup(asked: AskedHsm) -> Outcome:
    """Begin it, and tell whoever reads the log where the last good one is too old.

    Gives `begun` for one that is to be awaited, also of a run before this one, and its `age` in seconds. Nothing is
    claimed, for nothing is changed: an HSM that an operation changes is left for the next run. Why none could be begun
    is kept.
    """
    record = archive.find_hsm_record(asked.hsm)
    if record is None or record.decommissioned is not None or _is_being_changed(record.hsm):
        return _tell(None)
    wanted = wanted_handover_of(record.request).full_backup
    if wanted is None:
        return _tell(None)
    history = find_history(record)
    too_old = is_too_old(history, wanted, record.made_at or record.created_at, now())
    if not (too_old or is_due(history, wanted, now()) or history.running):
        return _tell(None)
    try:
        return _tell(_begin(record, wanted, history, too_old=too_old))
    except ServiceError as error:
        failure = error.detail
        change_history(record, lambda known: known.model_copy(update={"failure": failure}))
        raise


def _tell(running: RunningBackup | None) -> Outcome:
    age = (now() - running.asked_at).total_seconds() if running else 0
    return done(begun=running is not None, age=age, seconds=settings().poll_seconds)


def _is_being_changed(hsm: str) -> bool:
    held = archive.find_claim(hsm)
    return held is not None and held.claim.running


def _begin(record: HsmRecord, wanted: BackupRequest, history: BackupHistory, *, too_old: bool) -> RunningBackup | None:
    """Have the HSM begin; None where it is busy with another backup or restore, is not in use, or none is due."""
    if not find_own_hsm(record.hsm, record.team).active:
        return None
    if too_old:
        last = history.find_last(wanted.container)
        since = last.ended_at.isoformat() if last else "it was made"
        _log.warning("the HSM %s of %s has had no good full backup since %s", record.hsm, record.team, since)
    if history.running is not None or not is_due(history, wanted, now()):
        return history.running
    # With a full backup all that the HSM holds leaves it.
    require_destruction_and_export_allowed()
    require_backup_place(deployment_policy(), wanted.container, BACKUP_CONTAINER)
    asked_at = now()
    try:
        job_id = _ask(record, wanted.container)
    except RefusedByAzure as refusal:
        if refusal.detail.code == "azure_conflict":
            return None
        raise
    # Idempotent: what is recorded is not begun again. Killed before that, another one is begun once the HSM is free.
    running = RunningBackup(container=wanted.container, job_id=job_id, asked_at=asked_at)
    change_history(record, lambda known: known.model_copy(update={"running": running}))
    return running


def _ask(record: HsmRecord, container: str) -> str:
    """Have the HSM begin; what cannot be recorded is not asked for, and neither is a refusal left unrecorded."""
    record_scheduled_backup(record, "asked_made", container=container)
    try:
        return full_backups.begin_backup(record.hsm, container)
    except ServiceError as error:
        failure = error
        if isinstance(error, RefusedByAzure):
            failure = describe_refused_backup(record.hsm, error, by_schedule=True)
        record_scheduled_backup(record, failure.detail.code)
        raise failure from None
