"""Full backups and restores of an HSM, which it writes and reads itself, with its user-assigned identity.

The SDK for them (azure-keyvault-administration 4.7.2) asks again and again in a thread of its own once it has begun
one. Here an activity asks once, so the same calls go over the client that is there for the security domain.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from json import JSONDecodeError
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

from clients.azure_errors import our_errors, unreadable
from clients.managed_hsm import send
from domain.backups import FullBackup, JobKind

if TYPE_CHECKING:
    from azure.core.rest import HttpResponse

_STATUS_PATH: Final = re.compile(r"/(?:backup|restore)/([0-9A-Za-z-]{1,64})/pending")
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,63}")


class JobStatus(NamedTuple):
    """How a full backup or restore goes.

    `failure` is Azure's short code, `now` the time by Azure's clock, `url` where a backup lies that ended well.
    """

    state: Literal["InProgress", "Succeeded", "Failed"]
    ended_at: datetime | None
    failure: str
    now: datetime
    url: str = ""


def begin_backup(name: str, container: str) -> str:
    """Have an HSM begin to back itself up into a container, and give the job's id.

    Raises RefusedByAzure: `azure_conflict` while another backup or restore goes on, `azure_refused` where it cannot.
    """
    return _begin(name, "POST", "/backup", _storage(container), "begin a full backup")


def begin_backup_check(name: str, container: str) -> str:
    """Have an HSM begin to look whether it could back itself up into a container; as `begin_backup`."""
    return _begin(name, "POST", "/prebackup", _storage(container), "look whether a full backup would do")


def begin_restore(name: str, backup: FullBackup) -> str:
    """Have an HSM begin to restore a full backup, and give the job's id: its keys and roles become those of the backup.

    Raises RefusedByAzure: `azure_conflict` while another backup or restore is going on, or where no full backup of the
    HSM ended long enough before; `azure_refused` where it cannot.
    """
    body = {"sasTokenParameters": _storage(backup.container), "folderToRestore": backup.folder}
    return _begin(name, "PUT", "/restore", body, "begin to restore the full backup")


def find_job(name: str, kind: JobKind, job_id: str) -> JobStatus:
    """Ask how a full backup or restore goes."""
    action = f"tell how the full {kind} goes"
    with our_errors(action):
        response = send(name, "GET", f"/{kind}/{job_id}/pending")
        document = _read(response, action)
    word = str(document.get("status") or "").lower()
    ended = document.get("endTime")
    state: Literal["InProgress", "Succeeded", "Failed"] = "InProgress"
    if word in ("succeeded", "success"):
        state = "Succeeded"
    elif word in ("failed", "canceled"):
        state = "Failed"
    return JobStatus(
        state=state,
        ended_at=datetime.fromtimestamp(ended, UTC) if isinstance(ended, int) else None,
        failure=find_failure(document),
        now=_date(response),
        url=str(document.get("azureStorageBlobContainerUri") or ""),
    )


def find_failure(status: Mapping[str, Any]) -> str:
    """Give Azure's short code of what went wrong, from the status of a job; empty where there is none.

    The details come first: where they say it, the `error` beside them may be empty. Free text is never taken over.
    """
    error = status.get("error")
    words = status.get("statusDetails"), error.get("code") if isinstance(error, Mapping) else None
    return next((word for word in words if isinstance(word, str) and _WORD.fullmatch(word)), "")


def _storage(container: str) -> dict[str, Any]:
    return {"storageResourceUri": container, "useManagedIdentity": True}


def _begin(name: str, method: str, path: str, body: dict[str, Any], action: str) -> str:
    with our_errors(action):
        response = send(name, method, path, body)
    matched = _STATUS_PATH.fullmatch(urlsplit(response.headers.get("Azure-AsyncOperation", "")).path)
    if matched is None:
        raise unreadable(action)
    return matched[1]


def _read(response: "HttpResponse", action: str) -> dict[str, Any]:
    try:
        document = response.json()
    except (JSONDecodeError, UnicodeDecodeError):
        raise unreadable(action) from None
    if not isinstance(document, dict) or "status" not in document:
        raise unreadable(action)
    return document


def _date(response: "HttpResponse") -> datetime:
    """Read the time of an answer; our own clock's where it has none."""
    try:
        return parsedate_to_datetime(response.headers["Date"])
    except (KeyError, ValueError):
        return datetime.now(UTC)
