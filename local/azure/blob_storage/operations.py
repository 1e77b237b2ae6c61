"""What a request to Blob storage asks for: which data actions it needs, and what it would change.

Source: Microsoft Learn, "Permissions for calling blob and queue data operations" in Authorize with Microsoft Entra ID.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final, NamedTuple

from starlette.requests import Request

from local.azure.blob_storage.roles import BLOB_SERVICES, BLOBS, CONTAINERS

_READ: Final = f"{BLOBS}/read"
WRITE: Final = f"{BLOBS}/write"
_ADD: Final = f"{BLOBS}/add/action"
_FILTER: Final = f"{BLOBS}/filter/action"


class Change(Enum):
    """What a request would do to what is stored."""

    NOTHING = "nothing"
    PUT = "makes a blob, or another in its place"
    ALTER = "changes or deletes a blob that there is"
    DELETE_CONTAINER = "deletes a container"


class BlobOperation(NamedTuple):
    """A request, as far as access and immutability are concerned; any one of its actions is enough."""

    container: str
    blob: str
    actions: tuple[str, ...]
    change: Change = Change.NOTHING
    only_creates: bool = False


_Rule = tuple[tuple[str, ...], Change]
_OF_ACCOUNT: Final[Mapping[tuple[str, str], str]] = {
    ("GET", "list"): f"{CONTAINERS}/read",
    ("GET", "blobs"): _FILTER,
    ("POST", "userdelegationkey"): f"{BLOB_SERVICES}/generateUserDelegationKey/action",
    ("PUT", "properties"): f"{BLOB_SERVICES}/write",
}
_OF_CONTAINER: Final[Mapping[tuple[str, str], str]] = {("GET", "list"): _READ, ("GET", "blobs"): _FILTER}
_OF_BLOB: Final[Mapping[tuple[str, str], _Rule]] = {
    ("GET", "tags"): ((f"{BLOBS}/tags/read",), Change.NOTHING),
    ("PUT", ""): ((WRITE, _ADD), Change.PUT),
    ("PUT", "blocklist"): ((WRITE, _ADD), Change.PUT),
    # Blocks are no blob yet, and leases, tiers, tags and what protects a blob may change while it is immutable.
    ("PUT", "block"): ((WRITE, _ADD), Change.NOTHING),
    ("PUT", "lease"): ((WRITE,), Change.NOTHING),
    ("PUT", "tier"): ((WRITE,), Change.NOTHING),
    ("PUT", "tags"): ((f"{BLOBS}/tags/write",), Change.NOTHING),
    ("PUT", "appendblock"): ((_ADD, WRITE), Change.ALTER),
    ("PUT", "snapshot"): ((WRITE, _ADD), Change.ALTER),
    ("POST", "query"): ((_READ,), Change.NOTHING),
}


def read_operation(request: Request) -> BlobOperation:
    """Say what a request asks for; its path is decoded before it is divided, as Azurite does."""
    container, _, blob = str(request.scope["path"]).removeprefix("/").partition("/")
    named = (request.method, request.query_params.get("comp", "").lower())
    reads = request.method in ("GET", "HEAD")
    if not container:
        return BlobOperation("", "", (_OF_ACCOUNT.get(named, f"{BLOB_SERVICES}/{'read' if reads else 'write'}"),))
    if blob:
        return _read_blob_operation(request, container, blob, named)
    if request.method == "DELETE":
        return BlobOperation(container, "", (f"{CONTAINERS}/delete",), Change.DELETE_CONTAINER)
    return BlobOperation(container, "", (_OF_CONTAINER.get(named, f"{CONTAINERS}/{'read' if reads else 'write'}"),))


def _read_blob_operation(request: Request, container: str, blob: str, named: tuple[str, str]) -> BlobOperation:
    if request.method == "DELETE":
        return BlobOperation(container, blob, (f"{BLOBS}/delete",), Change.ALTER)
    usual: _Rule = ((_READ,), Change.NOTHING) if request.method in ("GET", "HEAD") else ((WRITE,), Change.ALTER)
    actions, change = _OF_BLOB.get(named, usual)
    only_creates = change is Change.PUT and request.headers.get("if-none-match") == "*"
    if only_creates:
        actions = (_ADD, WRITE)
    return BlobOperation(container, blob, actions, change, only_creates)
