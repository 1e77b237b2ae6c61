"""Full backups of HSMs: where they lie, and which of them is restored."""

import re
from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, AwareDatetime, Field, ValidationError
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from domain.cloud import BLOB_SUFFIX
from domain.model import Model
from domain.names import parse_container_url

# Source: Microsoft's "Full backup and restore": a full backup of the HSM must have ended half an hour before.
RESTORABLE_AFTER: Final = timedelta(minutes=30)

JobKind = Literal["backup", "restore"]
NotedJob = Literal["prebackup", "backup", "restore"]
"""What is written down of what an HSM was asked for."""


def _container(text: str) -> str:
    try:
        return parse_container_url(text)
    except ValueError as error:
        code, message = "invalid_field", "{reason}"
        raise PydanticCustomError(code, message, {"reason": str(error)}) from None


_CONTAINER_SCHEMA: Final[JsonDict] = {
    "pattern": rf"^https://[A-Za-z0-9]{{3,24}}\.{re.escape(BLOB_SUFFIX)}/[a-z0-9](-?[a-z0-9]){{2,62}}/?$"
}
ContainerUrl = Annotated[str, Field(max_length=200, json_schema_extra=_CONTAINER_SCHEMA), AfterValidator(_container)]
# As the service names them: `mhsm`, the HSM, the time of day and two digits more, of which the number may change.
FolderName = Annotated[str, Field(pattern=r"^mhsm-[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]-[0-9]{1,32}$")]


class FullBackup(Model):
    """A full backup of an HSM."""

    container: ContainerUrl
    """The address of the container that it lies in."""
    folder: FolderName
    """The folder that the HSM made for it."""

    @property
    def url(self) -> str:
        """Its address."""
        return f"{self.container}/{self.folder}"


class BackupTarget(Model):
    """Where a full backup of an HSM is to be made, and how the HSM reaches it."""

    container: ContainerUrl
    """The address of the container."""
    identity: str
    """The Azure resource id of the user-assigned identity with which the HSM writes into the container."""


class PinnedBackup(FullBackup):
    """A full backup that is to be restored, and how the HSM reaches it."""

    identity: str
    """The Azure resource id of the user-assigned identity with which the HSM reads and writes the container."""
    replaces_keys: bool = False
    """Whether the HSM is in use: then all keys and roles that it has are replaced."""


class RestoredBackup(FullBackup):
    """A full backup that an HSM was asked to restore."""

    operation_id: str
    """The operation that asked."""
    restored_at: AwareDatetime | None = None
    """When it was seen to be restored. Absent: it is being restored, or was not, or nobody knows."""

    def is_of(self, backup: FullBackup) -> bool:
        """Say whether it is this backup."""
        return (self.container, self.folder) == (backup.container, backup.folder)


class HsmJob(Model):
    """A full backup or restore for which an operation asked its HSM.

    Without `job_id` nobody knows whether the HSM began: it is written before the HSM is asked. `folder` is where a
    backup lies that was seen to end well, and that something depends on. Of a look whether a backup would do
    (`prebackup`) none says that the HSM was busy with another backup or restore at `asked_at`. `looks` counts how often
    the HSM was asked how a backup goes that is made before it is deleted: that is no use of it by anybody else.
    """

    asked_at: AwareDatetime
    job_id: str | None = None
    folder: FolderName | None = None
    looks: int = 0


def read_backup_url(url: str, container: str) -> FullBackup | None:
    """Read the address of a full backup; None unless it is a folder of an HSM's in this container."""
    place, _, folder = url.rstrip("/").rpartition("/")
    try:
        backup = FullBackup(container=place, folder=folder)
    except ValidationError:
        return None
    return backup if backup.container == container else None
