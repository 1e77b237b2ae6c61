"""Lists of blobs, each with what was written with it.

Read from the answer itself: the SDK makes objects of everything that is said of a blob, and takes longer over them than
Blob storage over the answer (benchmarks/lists.py).
"""

from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple
from xml.etree import ElementTree as ET

from clients.azure_errors import our_errors, unreadable
from clients.credential import RETRIES, credential
from clients.transport import make_transport
from domain.cloud import STORAGE_SCOPE
from domain.settings import settings

if TYPE_CHECKING:
    from azure.core import PipelineClient
    from azure.core.rest import HttpRequest, HttpResponse

# The version of the protocol that the answer is read by (source: Blob service REST API, List Blobs).
_VERSION: Final = "2025-01-05"


class ListedBlob(NamedTuple):
    """A blob's path, what was written with it, when that was, as a header of HTTP has it, and the ETag since then."""

    path: str
    metadata: dict[str, str]
    modified: str
    etag: str

    @property
    def modified_at(self) -> datetime:
        """When it was written last."""
        return parsedate_to_datetime(self.modified)


class BlobPage(NamedTuple):
    """Blobs in the order of their paths, and what the request for the next page says; empty on the last."""

    blobs: list[ListedBlob]
    marker: str


@lru_cache(maxsize=1)
def _client() -> "PipelineClient[HttpRequest, HttpResponse]":
    from azure.core import PipelineClient
    from azure.core.pipeline.policies import BearerTokenCredentialPolicy, RetryPolicy

    policies = [RetryPolicy(**RETRIES), BearerTokenCredentialPolicy(credential(), STORAGE_SCOPE)]
    return PipelineClient(settings().storage_account_url, policies=policies, transport=make_transport())


def list_with_metadata(container: str, prefix: str, limit: int | None = None) -> Iterator[ListedBlob]:
    """List the blobs under a prefix in the order of their paths; a request gives up to 5,000, or to the limit."""
    marker = ""
    while True:
        page = _ask(container, prefix, marker, limit)
        yield from (_describe(blob) for blob in page.iter("Blob"))
        marker = page.findtext("NextMarker") or ""
        if not marker:
            return


def list_page(container: str, prefix: str, marker: str, limit: int) -> BlobPage:
    """List at most so many blobs under a prefix; Blob storage may give fewer, even none, and still have more."""
    page = _ask(container, prefix, marker, limit)
    return BlobPage([_describe(blob) for blob in page.iter("Blob")], page.findtext("NextMarker") or "")


def _ask(container: str, prefix: str, marker: str, limit: int | None = None) -> ET.Element:
    from azure.core.exceptions import HttpResponseError
    from azure.core.rest import HttpRequest

    parameters = {"restype": "container", "comp": "list", "include": "metadata", "prefix": prefix, "marker": marker}
    if limit is not None:
        parameters["maxresults"] = str(limit)
    url = f"{settings().storage_account_url}/{container}"
    request = HttpRequest("GET", url, params=parameters, headers={"x-ms-version": _VERSION})
    with our_errors("list records"):
        response = _client().send_request(request)
        if response.status_code != 200:
            raise HttpResponseError(response=response)
        content = response.content
    return _parse(content)


def _parse(content: bytes) -> ET.Element:
    """Read an answer; one that is cut off, or is not Blob storage's, is no empty list."""
    try:
        page = ET.fromstring(content)  # noqa: S314 - our own storage account's, and expat bounds entities
    except ET.ParseError:
        raise unreadable("list records") from None
    if page.tag != "EnumerationResults":
        raise unreadable("list records")
    return page


def _describe(blob: ET.Element) -> ListedBlob:
    metadata = blob.find("Metadata")
    values = {item.tag: item.text or "" for item in metadata} if metadata is not None else {}
    # A list has it without the quotes of a header.
    etag = (blob.findtext("Properties/Etag") or "").strip('"')
    return ListedBlob(blob.findtext("Name") or "", values, blob.findtext("Properties/Last-Modified") or "", f'"{etag}"')
