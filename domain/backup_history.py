"""The full backups that were made of an HSM, and whether the last good one is too old."""

from datetime import datetime, timedelta
from typing import Final

from pydantic import AwareDatetime, Field

from domain.backups import ContainerUrl, FullBackup
from domain.errors import ErrorDetail
from domain.handover.full_backups import BackupRequest
from domain.model import Model

KEPT: Final = 30
"""So many good ones are remembered of an HSM."""


class KeptBackup(FullBackup):
    """A full backup of an HSM that ended well."""

    ended_at: AwareDatetime
    """When it ended, by Azure's clock."""
    operation_id: str | None = None
    """The operation that had it made. Absent for one by schedule."""


class RunningBackup(Model):
    """A full backup by schedule that the HSM began, and of which nobody knows yet how it went."""

    container: ContainerUrl
    job_id: str
    asked_at: AwareDatetime


class BackupHistory(Model):
    """What is known of the full backups of one HSM; `good` has the last one first.

    `failure` says why there is no newer one, where the last attempt by schedule ended badly.
    """

    hsm: str
    good: list[KeptBackup] = Field(default_factory=list)
    running: RunningBackup | None = None
    failure: ErrorDetail | None = None

    def find_last(self, container: str) -> KeptBackup | None:
        """Give the last good one in a container."""
        return next((backup for backup in self.good if backup.container == container), None)

    def add(self, backup: KeptBackup) -> "BackupHistory":
        """Give the history with one more that ended well; one that is known stays known once."""
        others = [known for known in self.good if known.url != backup.url]
        good = sorted([backup, *others], key=lambda known: known.ended_at, reverse=True)[:KEPT]
        return self.model_copy(update={"good": good, "failure": None})


def is_due(history: BackupHistory, request: BackupRequest, now: datetime) -> bool:
    """Say whether another one is to be made by schedule."""
    last = history.find_last(request.container)
    if request.every_hours is None:
        return False
    return last is None or now - last.ended_at >= timedelta(hours=request.every_hours)


def is_too_old(history: BackupHistory, request: BackupRequest, made_at: datetime, now: datetime) -> bool:
    """Say whether somebody is to be told that the last good one is too old, or that there is none."""
    last = history.find_last(request.container)
    allowed = request.alert_after
    return allowed is not None and now - (last.ended_at if last else made_at) > allowed
