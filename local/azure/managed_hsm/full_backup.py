"""Full backup and restore: what a backup holds, where it lies, and the rules over both."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, ValidationError

from local.azure.core.transitions import Timing
from local.azure.managed_hsm.bodies import Body
from local.azure.managed_hsm.faults import bad_parameter
from local.azure.managed_hsm.jobs import Job
from local.azure.managed_hsm.keys import StoredKey
from local.azure.managed_hsm.models import ManagedHsm
from local.azure.managed_hsm.roles import CustomRoles
from local.azure.managed_hsm.sealing import NotOfThisDomainError, seal, unseal
from local.azure.managed_hsm.storage import (
    NOT_FOUND,
    BackupStorage,
    Container,
    StorageFailureError,
    user_assigned_identity,
)

BLOB: Final = "backup.sealed"
_PURPOSE: Final = "full backup"


class StorageParameters(Body):
    """Where a backup is to be written to, or lies."""

    storage_resource_uri: str
    token: str | None = Field(default=None, repr=False)
    use_managed_identity: bool = False


class RestoreParameters(Body):
    """The body of a full restore."""

    sas_token_parameters: StorageParameters
    folder_to_restore: str = Field(min_length=1)


class KeyRestoreParameters(Body):
    """The body of a restore of one key."""

    sas_token_parameters: StorageParameters
    folder: str = Field(min_length=1)


class FullBackup(BaseModel):
    """All that comes back: keys with versions, attributes and tags, roles and their assignments."""

    keys: list[StoredKey]
    roles: CustomRoles


class FullBackups:
    """Begins jobs; every method raises ServiceFault 400 or 409, what comes later is the job's failure."""

    def __init__(self, storage: BackupStorage, timing: Timing) -> None:
        self._storage = storage
        self._timing = timing

    async def back_up(self, hsm: ManagedHsm, asked: StorageParameters, *, rehearsal: bool = False) -> Job:
        """Write a full backup into a new folder, or only look whether that would do."""
        container = _find_container(hsm, asked)
        folder = _name_folder(hsm, self._timing.clock.now())
        url = None if rehearsal else f"https://{container.host}/{container.name}/{folder}"
        job = hsm.jobs.begin("prebackup" if rehearsal else "backup", self._timing, url)
        with _working(job):
            await self._storage.check(container)
            if not rehearsal:
                await self._storage.write(container, f"{folder}/{BLOB}", _make_full_backup(hsm))
        return job

    async def restore(self, hsm: ManagedHsm, asked: RestoreParameters, *, rehearsal: bool = False) -> Job:
        """Replace keys and roles by a backup's, or only look whether that would do."""
        container = _find_container(hsm, asked.sas_token_parameters)
        hsm.jobs.check_restorable(self._timing.clock.now())
        job = hsm.jobs.begin("prerestore" if rehearsal else "restore", self._timing)
        with _working(job):
            backup = await self._read(hsm, container, asked.folder_to_restore)
            if not rehearsal:
                hsm.keys.replace(backup.keys)
                hsm.roles.restore(backup.roles)
        return job

    async def restore_key(self, hsm: ManagedHsm, name: str, asked: KeyRestoreParameters) -> Job:
        """Take one key out of a backup; there must be none of that name, not even a deleted one."""
        container = _find_container(hsm, asked.sas_token_parameters)
        hsm.keys.check_absent(name, int(self._timing.clock.now()))
        job = hsm.jobs.begin("key restore", self._timing)
        with _working(job):
            backup = await self._read(hsm, container, asked.folder)
            found = [key for key in backup.keys if key.name.lower() == name.lower()]
            if not found:
                raise StorageFailureError(NOT_FOUND)
            hsm.keys.restore(found[0], int(self._timing.clock.now()))
        return job

    async def _read(self, hsm: ManagedHsm, container: Container, folder: str) -> FullBackup:
        return _open_full_backup(hsm.domain, await self._storage.read(container, f"{folder}/{BLOB}"))


@contextmanager
def _working(job: Job) -> Iterator[None]:
    """Finish a job whatever happens, so that it never stands in the way of the next."""
    try:
        yield
    except StorageFailureError as failure:
        job.finish(failure.details)
    except NotOfThisDomainError:
        job.finish("SecurityDomainMismatch")
    except BaseException:
        job.finish("InternalError")
        raise
    else:
        job.finish()


def _find_container(hsm: ManagedHsm, parameters: StorageParameters) -> Container:
    parts = urlsplit(parameters.storage_resource_uri)
    name = parts.path.strip("/")
    if parts.scheme != "https" or not parts.hostname or parts.query or not name or "/" in name:
        raise bad_parameter("Property storageResourceUri has invalid value.")
    if not parameters.use_managed_identity:
        raise bad_parameter("The local Azure backs up with a managed identity only, not with a SAS token.")
    identity = user_assigned_identity(hsm.identity)
    if identity is None:
        raise bad_parameter("The Managed HSM has no user-assigned managed identity.")
    return Container(parts.hostname.lower(), name, identity)


def _name_folder(hsm: ManagedHsm, now: float) -> str:
    """Name a new backup's folder as the service does: the time, and two digits more."""
    time = datetime.fromtimestamp(now, UTC)
    return f"mhsm-{hsm.name}-{time:%Y%m%d%H%M%S}{time.microsecond // 10000:02}"


def _make_full_backup(hsm: ManagedHsm) -> bytes:
    backup = FullBackup(keys=list(hsm.keys.live.values()), roles=hsm.roles.backup())
    return seal(hsm.domain, _PURPOSE, backup.model_dump_json().encode())


def _open_full_backup(domain: Mapping[str, bytes], sealed: bytes) -> FullBackup:
    try:
        return FullBackup.model_validate_json(unseal(domain, _PURPOSE, sealed))
    except ValidationError:
        raise NotOfThisDomainError from None
