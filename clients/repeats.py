"""Where answers are kept under their Idempotency-Keys: container `hsm-records`, `idempotency/{hash}`."""

from typing import NamedTuple

from pydantic import ValidationError

from clients.archive import RECORDS
from clients.azure_errors import unreadable
from clients.blobs import create_blob, find_blob, replace_blob
from domain.repeats import Repeat


class HeldRepeat(NamedTuple):
    """What is kept, and the ETag under which it may be changed."""

    repeat: Repeat
    etag: str


def find_repeat(name: str) -> HeldRepeat | None:
    """Read what is kept; None where the key was never used."""
    blob = find_blob(RECORDS, _path(name))
    if blob is None:
        return None
    try:
        return HeldRepeat(Repeat.model_validate_json(blob.content), blob.etag)
    except ValidationError:
        raise unreadable("read a record") from None


def create_repeat(name: str, repeat: Repeat) -> str | None:
    """Keep the first of a key and give its ETag; None where somebody was faster."""
    return create_blob(RECORDS, _path(name), repeat.to_json().encode())


def replace_repeat(name: str, repeat: Repeat, etag: str) -> str | None:
    """Replace what has this ETag and give the new one; None where somebody was faster."""
    return replace_blob(RECORDS, _path(name), repeat.to_json().encode(), etag)


def _path(name: str) -> str:
    return f"idempotency/{name}"
