"""Full backups of an HSM: the first one, and those by schedule."""

from datetime import timedelta
from typing import Annotated, Final, Self

from pydantic import Field, StrictInt, model_validator
from pydantic_core import PydanticCustomError

from domain.backups import ContainerUrl
from domain.model import Model

BACKUP_CONTAINER: Final = "handover.fullBackup.container"
"""Where a request names it."""
_ALERT_BEFORE_NEXT: Final = "alertAfterHours is at least everyHours: each backup would be too old before the next."


class BackupRequest(Model):
    """A full backup at the hand-over, and again and again afterwards."""

    container: ContainerUrl
    """The address of the container that they go to; the policy lists those that may be named."""
    every_hours: Annotated[StrictInt, Field(ge=1, le=8760)] | None = None
    """After how many hours there is another one. Absent: there is the first one alone."""
    alert_after_hours: Annotated[StrictInt, Field(ge=2, le=17_520)] | None = None
    """After how many hours without a good one it is drift. Absent: twice `everyHours`."""

    @model_validator(mode="after")
    def _alert_after_the_next(self) -> Self:
        if self.every_hours is not None and (self.alert_after_hours or self.every_hours) < self.every_hours:
            code, message = "invalid_field", "{reason}"
            raise PydanticCustomError(code, message, {"reason": _ALERT_BEFORE_NEXT})
        return self

    @property
    def alert_after(self) -> timedelta | None:
        """For how long the last good one may be the last; None where nobody is told."""
        hours = self.alert_after_hours or 2 * (self.every_hours or 0)
        return timedelta(hours=hours) if hours else None
