"""Share checks as they are kept: container `security-domains`, under `{hsm}/share-checks/`, each blob written once.

`asked/{id}.json` is a challenge, `tries/{id}/{n}.json` says that an answer was judged, `answered/{id}.json` is the one
that proved it.
"""

from pydantic import ValidationError

from clients.archive import ARCHIVE
from clients.azure_errors import unreadable
from clients.blob_lists import ListedBlob, list_with_metadata
from clients.blobs import create_blob, find_blob
from domain.model import Model
from domain.share_check_records import MAXIMUM_TRIES, AnsweredCheck, AskedCheck
from domain.summaries import METADATA
from domain.verifications import LastCheck


def create_asked(check: AskedCheck) -> None:
    """Keep what was asked; nobody else has its id."""
    create_blob(ARCHIVE, _path(check.hsm, "asked", check.id), check.to_json().encode())


def find_asked(hsm: str, check_id: str) -> AskedCheck | None:
    """Read what was asked under this id."""
    return _read(AskedCheck, _path(hsm, "asked", check_id))


def find_answered(hsm: str, check_id: str) -> AnsweredCheck | None:
    """Read the answer that proved it."""
    return _read(AnsweredCheck, _path(hsm, "answered", check_id))


def create_answered(hsm: str, check: AnsweredCheck) -> AnsweredCheck:
    """Write the answer once; where one exists, that one holds and is given back."""
    create_blob(ARCHIVE, _path(hsm, "answered", check.id), check.to_json().encode(), check.to_metadata())
    return find_answered(hsm, check.id) or check


def take_try(hsm: str, check_id: str) -> bool:
    """Use one of the few tries to answer up, before the answer is judged; False where none is left.

    What decides is the write: of any number of answers at the same instant no more are judged.
    """
    return any(
        create_blob(ARCHIVE, f"{hsm}/share-checks/tries/{check_id}/{number}.json", b"{}") is not None
        for number in range(1, MAXIMUM_TRIES + 1)
    )


def find_last_checks(hsm: str, team: str) -> dict[str, LastCheck]:
    """Find the last check of each key that was answered, by thumbprint; those of an earlier owner do not count."""
    listed = [_answered_of(blob) for blob in list_with_metadata(ARCHIVE, f"{hsm}/share-checks/answered/")]
    answered = sorted((check for check in listed if check is not None), key=lambda check: check.at)
    return {check.thumbprint: check.as_last() for check in answered if check.team == team}


def _answered_of(blob: ListedBlob) -> AnsweredCheck | None:
    try:
        return AnsweredCheck.model_validate_json(blob.metadata.get(METADATA, ""))
    except ValidationError:
        # Rewritten by somebody, without what lay beside it.
        return _read(AnsweredCheck, blob.path)


def _read[Record: Model](kind: type[Record], path: str) -> Record | None:
    blob = find_blob(ARCHIVE, path)
    try:
        return kind.model_validate_json(blob.content) if blob else None
    except ValidationError:
        raise unreadable("read a share check") from None


def _path(hsm: str, kind: str, check_id: str) -> str:
    return f"{hsm}/share-checks/{kind}/{check_id}.json"
