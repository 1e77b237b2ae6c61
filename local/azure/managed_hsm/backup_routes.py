"""The routes of full backup and restore into a container, by the HSM's managed identity."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.azure.core.transitions import Timing
from local.azure.managed_hsm.bodies import read_body
from local.azure.managed_hsm.door import BACKUP_STATUS, RESTORE_STATUS, Door
from local.azure.managed_hsm.full_backup import FullBackups, KeyRestoreParameters, RestoreParameters, StorageParameters
from local.azure.managed_hsm.jobs import Job
from local.azure.managed_hsm.storage import BackupStorage


def make_backup_routes(door: Door, storage: BackupStorage, timing: Timing) -> list[Route]:
    """Make the routes."""
    backups = FullBackups(storage, timing)

    async def back_up(request: Request) -> Response:
        """Begin a full backup into a container, or (prebackup) only look whether that would do.

        Leaves out: SAS tokens: the HSM's user-assigned identity reaches the container.

        Assumes: 409 `Conflict` while another backup or restore is going on.
        """
        hsm = door.enter(request, "backup/start/action")
        asked = read_body(StorageParameters, await request.body())
        rehearsal = request.url.path == "/prebackup"
        return _accepted(request, await backups.back_up(hsm, asked, rehearsal=rehearsal))

    async def restore(request: Request) -> Response:
        """Begin a full restore from a container, or (prerestore) only look whether that would do.

        Leaves out: SAS tokens: the HSM's user-assigned identity reaches the container.

        Assumes: 409 `Conflict` while another backup or restore is going on, and where no full backup ended at least 30
        minutes before; keys, roles and assignments are replaced at once when it begins.
        """
        hsm = door.enter(request, "restore/start/action")
        asked = read_body(RestoreParameters, await request.body())
        rehearsal = request.url.path == "/prerestore"
        return _accepted(request, await backups.restore(hsm, asked, rehearsal=rehearsal))

    async def restore_key(request: Request) -> Response:
        """Begin to restore one key from a full backup; no key may have its name, not even a deleted one.

        Leaves out: SAS tokens: the HSM's user-assigned identity reaches the container.

        Assumes: 409 `Conflict` while another backup or restore is going on.
        """
        hsm = door.enter(request, "restore/start/action")
        asked = read_body(KeyRestoreParameters, await request.body())
        return _accepted(request, await backups.restore_key(hsm, request.path_params["name"], asked))

    async def get_backup(request: Request) -> Response:
        """Give the status of a full backup.

        Assumes: one that fails says why in its status details: `ResourceNotFound` (recorded).
        """
        hsm = door.enter(request, BACKUP_STATUS)
        return JSONResponse(hsm.jobs.find("backup", request.path_params["job"]).describe())

    async def get_restore(request: Request) -> Response:
        """Give the status of a restore.

        Assumes: one that fails says why in its status details: `ResourceNotFound` (recorded), `SecurityDomainMismatch`.
        """
        hsm = door.enter(request, RESTORE_STATUS)
        return JSONResponse(hsm.jobs.find("restore", request.path_params["job"]).describe())

    return [
        Route("/backup", back_up, methods=["POST"]),
        Route("/prebackup", back_up, methods=["POST"]),
        Route("/backup/{job}/pending", get_backup),
        Route("/restore", restore, methods=["PUT"]),
        Route("/prerestore", restore, methods=["PUT"]),
        Route("/keys/{name}/restore", restore_key, methods=["PUT"]),
        Route("/restore/{job}/pending", get_restore),
    ]


def _accepted(request: Request, job: Job) -> Response:
    """Answer as recorded of the real service: in progress, whatever comes; the status' address without a version."""
    url = f"https://{request.headers['host']}/{job.kind}/{job.id}/pending"
    return JSONResponse(job.describe(begun=True), status_code=202, headers={"Azure-AsyncOperation": url})
