"""Blob storage: what is written once, and what changes under an ETag."""

import contextlib
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from clients.azure_errors import our_errors, unreadable
from clients.blob_lists import list_with_metadata
from clients.credential import RETRIES, credential
from clients.transport import make_transport
from domain.records import sha256_of
from domain.settings import settings

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

_HASH = "sha256"
# The storage SDK waits 15 s and more before it connects again, longer each time; seconds are enough to see a way back.
_PAUSES: Final[dict[str, Any]] = {"initial_backoff": 1, "increment_base": 1, "random_jitter_range": 1}


class Blob(NamedTuple):
    """A blob's bytes, the ETag they have, and what was written with them."""

    content: bytes
    etag: str
    metadata: dict[str, str]

    @property
    def intact(self) -> bool:
        """Whether its bytes are those that were written."""
        return self.metadata.get(_HASH) == sha256_of(self.content)


@lru_cache(maxsize=1)
def _service() -> "BlobServiceClient":
    from azure.storage.blob import BlobServiceClient

    transport = make_transport()
    account = settings().storage_account_url
    return BlobServiceClient(account, credential=credential(), transport=transport, **RETRIES, **_PAUSES)


def blob_url(container: str, path: str) -> str:
    """Give the address of a blob."""
    return f"{settings().storage_account_url}/{container}/{path}"


def find_blob(container: str, path: str) -> Blob | None:
    """Read a blob; None where there is none.

    What is not what was written is read once more: something between us and Azure may have cut it off or replaced it,
    which the SDK does not see. Then it is given as it is: whoever reads a blob knows what must be in it.
    """
    blob = _read_blob(container, path)
    return blob if blob is None or blob.intact else _read_blob(container, path)


def _read_blob(container: str, path: str) -> Blob | None:
    from azure.core.exceptions import ResourceNotFoundError

    with our_errors("read a record"):
        try:
            download = _service().get_blob_client(container, path).download_blob()
            content, properties = download.readall(), download.properties
        except ResourceNotFoundError:
            return None
    return Blob(content, str(properties.etag), dict(properties.metadata or {}))


class SmallBlob(NamedTuple):
    """A blob that others wrote: its ETag and its size, and its bytes unless it is larger than was asked for."""

    etag: str
    size: int
    content: bytes | None


def find_small_blob(container: str, path: str, largest: int) -> SmallBlob | None:
    """Read a blob that others wrote, whatever they wrote: its size before its content; None where there is none.

    One that is overwritten meanwhile is not there, and found when it is looked for again.
    """
    from azure.core import MatchConditions
    from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

    with our_errors("read a blob"):
        try:
            client = _service().get_blob_client(container, path)
            properties = client.get_blob_properties()
            etag, size = str(properties.etag), int(properties.size)
            if not 0 < size <= largest:
                return SmallBlob(etag, size, b"" if size == 0 else None)
            same = MatchConditions.IfNotModified
            content = client.download_blob(offset=0, length=size, etag=etag, match_condition=same).readall()
        except (ResourceModifiedError, ResourceNotFoundError):
            return None
    if len(content) != size:
        raise unreadable("read a blob")
    return SmallBlob(etag, size, content)


def delete_blob(container: str, path: str) -> None:
    """Delete a blob, with its snapshots; one that is not there is deleted already."""
    from azure.core.exceptions import ResourceNotFoundError

    with our_errors("delete a blob"), contextlib.suppress(ResourceNotFoundError):
        _service().get_blob_client(container, path).delete_blob(delete_snapshots="include")


def delete_unchanged(container: str, path: str, etag: str) -> bool:
    """Delete a blob that has this ETag, with its snapshots; False where it was written meanwhile, and stays."""
    from azure.core import MatchConditions
    from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

    with our_errors("delete a blob"):
        try:
            _service().get_blob_client(container, path).delete_blob(
                delete_snapshots="include", etag=etag, match_condition=MatchConditions.IfNotModified
            )
        except ResourceNotFoundError:
            return True
        except ResourceModifiedError:
            return False
    return True


def probe_container(container: str, path: str) -> None:
    """See that a container is there, and that the service may read and delete in it; raises ServiceError.

    `path` is of a blob that nobody writes: Azure looks whether it may be deleted before it looks whether it is there.
    """
    from azure.core.exceptions import ResourceNotFoundError

    with our_errors(f"let the service read and delete in the container {container}"):
        client = _service().get_container_client(container)
        client.get_container_properties()
        blob = client.get_blob_client(path)
        for use in (blob.get_blob_properties, blob.delete_blob):
            with contextlib.suppress(ResourceNotFoundError):
                use()


def create_blob(container: str, path: str, content: bytes, metadata: dict[str, str] | None = None) -> str | None:
    """Write a blob that must not exist yet and give its ETag; None where one exists.

    Without `overwrite`, the SDK sends `If-None-Match: *` (azure-storage-blob 12.31.1, `_upload_helpers.py`).
    """
    from azure.core.exceptions import ResourceExistsError, ResourceModifiedError

    with our_errors("write a record"):
        try:
            client = _service().get_blob_client(container, path)
            written = {**(metadata or {}), _HASH: sha256_of(content)}
            answer = client.upload_blob(content, overwrite=False, metadata=written)
        except (ResourceExistsError, ResourceModifiedError):
            return None
    return str(answer["etag"])


def replace_blob(
    container: str, path: str, content: bytes, etag: str, metadata: dict[str, str] | None = None
) -> str | None:
    """Overwrite a blob that has this ETag and give the new one; None where it has another by now."""
    from azure.core import MatchConditions
    from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

    with our_errors("write a record"):
        try:
            answer = (
                _service()
                .get_blob_client(container, path)
                .upload_blob(
                    content,
                    overwrite=True,
                    match_condition=MatchConditions.IfNotModified,
                    etag=etag,
                    metadata={**(metadata or {}), _HASH: sha256_of(content)},
                )
            )
        except (ResourceModifiedError, ResourceNotFoundError):
            return None
    return str(answer["etag"])


def put_blob(container: str, path: str, content: bytes, metadata: dict[str, str]) -> None:
    """Write a blob whatever is there: of two that write at the same instant, either is right."""
    with our_errors("write a record"):
        written = {**metadata, _HASH: sha256_of(content)}
        _service().get_blob_client(container, path).upload_blob(content, overwrite=True, metadata=written)


def list_blobs(container: str, prefix: str) -> list[str]:
    """List the paths of blobs under a prefix."""
    return [blob.path for blob in list_with_metadata(container, prefix)]


def iterate_blobs(container: str, prefix: str, after: str = "") -> Iterator[str]:
    """Give the paths of blobs under a prefix in their order, page by page, those that come after a path.

    Where the listing begins is Blob storage's business (service version 2026-02-06, List Blobs, `startFrom`: the path
    itself included).
    """
    start = after if after.startswith(prefix) else None
    with our_errors("list records"):
        client = _service().get_container_client(container)
        names = client.list_blob_names(name_starts_with=prefix, start_from=start)
        try:
            yield from (name for name in names if name > after)
        except AttributeError:
            # The SDK takes any answer for a list, and looks for its parts.
            raise unreadable("list records") from None
