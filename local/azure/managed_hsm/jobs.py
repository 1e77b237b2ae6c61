"""Full backups and restores of one HSM: one at a time, each with a status of its own."""

import uuid
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from local.azure.core.transitions import Timing, Transition
from local.azure.managed_hsm.faults import conflict, refusal

# Source: Microsoft's "Full backup and restore": a full backup must have ended half an hour before a full restore.
SECONDS_AFTER_BACKUP: Final = 1800
_NO_ERROR: Final = {"code": None, "message": None, "innererror": None}

Purpose = Literal["backup", "prebackup", "restore", "prerestore", "key restore"]


@dataclass
class Job:
    """One backup or restore; `failure` is what the status details say when it failed."""

    purpose: Purpose
    transition: Transition
    began_at: int
    ends_at: int
    folder_url: str | None = None
    failure: str | None = None
    worked: bool = False
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def kind(self) -> str:
        """Under which path its status is: `backup` or `restore`."""
        return "backup" if self.purpose.endswith("backup") else "restore"

    @property
    def ended(self) -> bool:
        """Whether its work is done and its time is over."""
        return self.worked and self.transition.ended

    @property
    def succeeded(self) -> bool:
        """Whether it ended well."""
        return self.ended and self.failure is None

    def finish(self, failure: str | None = None) -> None:
        """Say that its work is done, or why it could not be; it ends when its time is over."""
        self.failure = failure
        self.worked = True

    def describe(self, *, begun: bool = False) -> dict[str, Any]:
        """Write its status, as recorded of the real service; or what it was when it began."""
        ended = self.ended and not begun
        failed = ended and self.failure is not None
        status = {
            "status": ("Failed" if failed else "Succeeded") if ended else "InProgress",
            "statusDetails": self.failure if failed else None,
            "error": _NO_ERROR if failed else None,
            "startTime": self.began_at,
            "endTime": self.ends_at if ended else None,
            "jobId": self.id,
        }
        if self.kind == "restore":
            return status
        return {**status, "azureStorageBlobContainerUri": self.folder_url if ended and not failed else None}


class Jobs:
    """All jobs of one HSM."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}

    def check_restorable(self, now: float) -> None:
        """Refuse a full restore of what was not backed up; raises ServiceFault 409."""
        backups = [job for job in self._jobs.values() if job.purpose == "backup" and job.succeeded]
        if not any(job.ends_at + SECONDS_AFTER_BACKUP <= now for job in backups):
            raise conflict("A full backup of this HSM must have ended at least 30 minutes before a full restore.")

    def is_restoring(self) -> bool:
        """Whether a full restore is going on."""
        return any(job.purpose == "restore" and not job.ended for job in self._jobs.values())

    def begin(self, purpose: Purpose, timing: Timing, folder_url: str | None = None) -> Job:
        """Begin a job; raises ServiceFault 409 where another runs."""
        if any(not job.ended for job in self._jobs.values()):
            raise conflict("A backup or restore operation is already in progress.")
        seconds, now = timing.backup_seconds, timing.clock.now()
        transition = timing.begin([("InProgress", seconds)], "Ended")
        job = Job(purpose, transition, int(now), int(now + seconds), folder_url)
        self._jobs[job.id] = job
        return job

    def find(self, kind: str, identifier: str) -> Job:
        """Find a job by its id; raises ServiceFault 404."""
        job = self._jobs.get(identifier)
        if job is None or job.kind != kind:
            raise refusal(404, "NotFound", f"There is no {kind} job {identifier}.")
        return job
