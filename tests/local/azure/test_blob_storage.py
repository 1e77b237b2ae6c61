"""Blob storage: Azurite, and what the layer in front of it adds."""

import asyncio
import gzip
import itertools
import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from azure.core import MatchConditions
from azure.core.credentials import TokenCredential
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.core.pipeline.transport import AsyncioRequestsTransport
from azure.identity.aio import ClientSecretCredential as AsyncClientSecretCredential
from azure.storage.blob import BlobBlock, BlobClient, BlobServiceClient, ContainerClient, ContentSettings
from azure.storage.blob.aio import BlobServiceClient as AsyncBlobServiceClient

from local.azure.blob_storage.azurite import NEVER_COLLECT, find_node
from local.azure.control.client import ControlClient
from local.azure.control.models import MadeApplication, NewToken
from local.azure.launch import LocalAzure

STORAGE = "https://storage.azure.com"
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
CONTAINERS = BLOBS.removesuffix("/blobs")
IMMUTABLE = (409, "BlobImmutableDueToPolicy")
_NUMBERS = itertools.count(1)


@pytest.fixture
def service(azure: LocalAzure, credential: TokenCredential) -> Iterator[BlobServiceClient]:
    with BlobServiceClient(azure.endpoints.storage_account_url, credential=credential, retry_total=0) as service:
        yield service


@pytest.fixture
def container(service: BlobServiceClient) -> ContainerClient:
    return service.create_container(f"container-{next(_NUMBERS)}")


@pytest.fixture(autouse=True)
def open_again(control: ControlClient) -> Iterator[None]:
    yield
    control.change_storage(immutable_containers=[], restricted=False)


def code_of(error: pytest.ExceptionInfo[HttpResponseError]) -> tuple[int | None, str | None]:
    code = getattr(error.value, "error_code", None)
    return error.value.status_code, getattr(code, "value", code)


def send(
    token: str, method: str, url: str, headers: dict[str, str] | None = None, data: bytes | None = None
) -> requests.Response:
    """Send a request as no SDK would."""
    known = {"Authorization": f"Bearer {token}", "x-ms-version": "2024-11-04"}
    return requests.request(method, url, headers={**known, **(headers or {})}, data=data, timeout=10)


def test_blobs_are_written_once(azure: LocalAzure, credential: TokenCredential) -> None:
    with BlobServiceClient(azure.endpoints.storage_account_url, credential=credential) as service:
        container = service.create_container("written-once")
        blob = container.get_blob_client("a b/ö%2F.json")
        # Stored compressed and given back as it is.
        settings = ContentSettings(content_type="application/json", content_encoding="gzip")
        etag = blob.upload_blob(b"not gzip at all", content_settings=settings, overwrite=False)["etag"]
        with pytest.raises(ResourceExistsError):
            blob.upload_blob(b"other", overwrite=False)
        assert [item.name for item in container.list_blobs()] == ["a b/ö%2F.json"]
        properties = blob.get_blob_properties()
        assert (properties.etag, properties.size) == (etag, 15)
        plain = container.get_blob_client("plain")
        first = plain.upload_blob(b"one")["etag"]
        plain.upload_blob(b"two", overwrite=True, etag=first, match_condition=MatchConditions.IfNotModified)
        with pytest.raises(ResourceModifiedError, match="ConditionNotMet"):
            plain.upload_blob(b"three", overwrite=True, etag=first, match_condition=MatchConditions.IfNotModified)
        assert plain.download_blob().readall() == b"two"


def test_blob_storage_refuses_a_token_that_nobody_signed(azure: LocalAzure, control: ControlClient) -> None:
    url = f"{azure.endpoints.storage_account_url}/written-once?restype=container&comp=list"
    forged = control.create_token(NewToken(audience="https://storage.azure.com", signing_key="unpublished"))
    headers = {"Authorization": f"Bearer {forged}", "x-ms-version": "2024-11-04"}
    response = requests.get(url, headers=headers, timeout=5)
    assert response.status_code == 401
    assert "<Code>InvalidAuthenticationInfo</Code>" in response.text
    assert requests.get(url, timeout=5).status_code == 401


def test_a_missing_token_is_asked_for_also_of_a_long_upload(azure: LocalAzure) -> None:
    url = f"{azure.endpoints.storage_account_url}/some/blob"
    response = requests.put(url, data=bytes(8 << 20), timeout=10)
    assert (response.status_code, response.headers["x-ms-error-code"]) == (401, "NoAuthenticationInformation")
    assert "resource_id=https://storage.azure.com" in response.headers["WWW-Authenticate"]


def test_an_sdk_sees_that_its_token_is_wrong(azure: LocalAzure, token: Callable[..., str]) -> None:
    from azure.core.credentials import AccessToken

    class Fixed:
        def get_token(self, *_: str, **__: object) -> AccessToken:
            return AccessToken(token("https://vault.azure.net"), 2**31)

    with (
        BlobServiceClient(azure.endpoints.storage_account_url, credential=Fixed()) as service,
        pytest.raises(ClientAuthenticationError) as raised,
    ):
        service.get_container_client("some").get_container_properties()
    assert raised.value.status_code == 401


def test_long_bodies_ranges_and_content_pass_as_they_are(container: ContainerClient) -> None:
    content = os.urandom(9 << 20)
    blob = container.get_blob_client("long")
    # In blocks, since it is longer than what the SDK puts at once.
    with BlobClient.from_blob_url(
        blob.url, credential=container.credential, max_single_put_size=1 << 20, max_block_size=1 << 20
    ) as parts:
        parts.upload_blob(content)
    assert blob.download_blob().readall() == content
    assert blob.download_blob(offset=1000, length=5).readall() == content[1000:1005]
    once = container.get_blob_client("at-once")
    once.upload_blob(content)
    assert once.download_blob(max_concurrency=4).readall() == content
    packed = container.get_blob_client("packed")
    packed.upload_blob(gzip.compress(b"text"), content_settings=ContentSettings(content_encoding="gzip"))
    properties = packed.get_blob_properties()
    assert (properties.content_settings.content_encoding, properties.size) == ("gzip", len(gzip.compress(b"text")))
    empty = container.get_blob_client("empty")
    empty.upload_blob(b"", metadata={"kind": "empty"})
    assert (empty.download_blob().readall(), empty.get_blob_properties().metadata) == (b"", {"kind": "empty"})


def test_conditions_and_heads_pass(container: ContainerClient, token: Callable[..., str]) -> None:
    etag = container.upload_blob("one", b"one").get_blob_properties().etag
    access = token(STORAGE)
    head = send(access, "HEAD", f"{container.url}/one")
    assert (head.status_code, head.headers["ETag"], head.headers["Content-Length"], head.content) == (
        200,
        etag,
        "3",
        b"",
    )
    assert send(access, "GET", f"{container.url}/one", {"If-None-Match": etag}).status_code == 304
    missing = send(access, "HEAD", f"{container.url}/none")
    assert (missing.status_code, missing.headers["x-ms-error-code"]) == (404, "BlobNotFound")
    partial = send(access, "GET", f"{container.url}/one", {"Range": "bytes=1-1"})
    assert (partial.status_code, partial.content, partial.headers["Content-Range"]) == (206, b"n", "bytes 1-1/3")


@pytest.fixture
def immutable(container: ContainerClient, control: ControlClient) -> ContainerClient:
    container.upload_blob("a b/kept", b"kept", metadata={"made": "before"})
    container.get_blob_client("appended").create_append_blob()
    control.change_storage(immutable_containers=[str(container.container_name)])
    return container


CHANGES: dict[str, Callable[[BlobClient], object]] = {
    "overwrite": lambda blob: blob.upload_blob(b"other", overwrite=True),
    "overwrite-if-match": lambda blob: blob.upload_blob(
        b"other", overwrite=True, etag=blob.get_blob_properties().etag, match_condition=MatchConditions.IfNotModified
    ),
    "blocks": lambda blob: blob.commit_block_list([]),
    "delete": lambda blob: blob.delete_blob(),
    "metadata": lambda blob: blob.set_blob_metadata({"made": "after"}),
    "properties": lambda blob: blob.set_http_headers(ContentSettings(content_type="text/html")),
    "snapshot": lambda blob: blob.create_snapshot(),
    "copy-over": lambda blob: blob.start_copy_from_url(blob.url),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_blob_in_an_immutable_container_stays_as_it_is(
    immutable: ContainerClient, change: Callable[[BlobClient], object]
) -> None:
    blob = immutable.get_blob_client("a b/kept")
    before = blob.get_blob_properties()
    with pytest.raises(HttpResponseError, match="immutable due to a policy") as raised:
        change(blob)
    assert code_of(raised) == IMMUTABLE
    after = blob.get_blob_properties()
    assert (after.etag, after.metadata, blob.download_blob().readall()) == (before.etag, before.metadata, b"kept")


def test_nothing_is_appended_to_an_immutable_blob(immutable: ContainerClient) -> None:
    appended = immutable.get_blob_client("appended")
    with pytest.raises(HttpResponseError) as raised:
        appended.append_block(b"more")
    assert code_of(raised) == IMMUTABLE
    assert appended.get_blob_properties().size == 0


def test_an_immutable_container_takes_new_blobs_and_stays(immutable: ContainerClient) -> None:
    blob = immutable.upload_blob("new", b"new")
    with pytest.raises(ResourceExistsError) as again:
        immutable.upload_blob("new", b"newer")
    assert code_of(again) == (409, "BlobAlreadyExists")
    assert blob.download_blob().readall() == b"new"
    # A lease changes nothing that is stored.
    blob.acquire_lease().release()
    parts = immutable.get_blob_client("parts")
    parts.stage_block("AAAA", b"part")
    parts.commit_block_list([BlobBlock("AAAA")])
    with pytest.raises(HttpResponseError) as committed:
        parts.commit_block_list([BlobBlock("AAAA")])
    assert code_of(committed) == IMMUTABLE
    with pytest.raises(ResourceNotFoundError):
        immutable.delete_blob("none")
    with pytest.raises(HttpResponseError) as deleted:
        immutable.delete_container()
    assert code_of(deleted) == (409, "ContainerProtectedFromDeletion")
    assert {item.name for item in immutable.list_blobs()} == {"a b/kept", "appended", "new", "parts"}


def test_other_spellings_and_batches_do_not_get_around_it(
    azure: LocalAzure, immutable: ContainerClient, token: Callable[..., str]
) -> None:
    access, account = token(STORAGE), azure.endpoints.storage_account_url
    name = str(immutable.container_name)
    for path in (f"%63{name[1:]}/a%20b/kept", f"{name}%2Fa%20b%2Fkept", f"{name}/a b\\kept"):
        response = send(access, "DELETE", f"{account}/{path}")
        assert (response.status_code, response.headers["x-ms-error-code"]) == IMMUTABLE
    for url in (f"{account}/?comp=batch", f"{immutable.url}?restype=container&comp=batch"):
        assert send(access, "POST", url, data=b"").headers["x-ms-error-code"] == "NotInLocalAzure"
    assert immutable.download_blob("a b/kept").readall() == b"kept"


def test_of_many_that_make_one_blob_one_wins(immutable: ContainerClient, token: Callable[..., str]) -> None:
    access = token(STORAGE)

    def put(number: int) -> int:
        headers = {"x-ms-blob-type": "BlockBlob"}
        return send(access, "PUT", f"{immutable.url}/contested", headers, str(number).encode()).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(put, range(16)))
    assert sorted(statuses) == [201] + [409] * 15
    assert immutable.download_blob("contested").readall().decode() == str(statuses.index(201))


ACTIONS = {
    "list containers": ("GET", "/?comp=list", f"{CONTAINERS}/read"),
    "make container": ("PUT", "/{container}-new?restype=container", f"{CONTAINERS}/write"),
    "container": ("HEAD", "/{container}?restype=container", f"{CONTAINERS}/read"),
    "list": ("GET", "/{container}?restype=container&comp=list", f"{BLOBS}/read"),
    "read": ("GET", "/{container}/there", f"{BLOBS}/read"),
    "create": ("PUT", "/{container}/new", f"{BLOBS}/add/action"),
    "replace": ("PUT", "/{container}/there", f"{BLOBS}/write"),
    "metadata": ("PUT", "/{container}/there?comp=metadata", f"{BLOBS}/write"),
    "lease": ("PUT", "/{container}/there?comp=lease", f"{BLOBS}/write"),
    "delete": ("DELETE", "/{container}/new", f"{BLOBS}/delete"),
    "delete container": ("DELETE", "/{container}?restype=container", f"{CONTAINERS}/delete"),
}
READING = {"list containers", "container", "list", "read"}


@pytest.mark.parametrize(
    ("granted", "allowed"),
    [
        (["Storage Blob Data Contributor"], set(ACTIONS)),
        (["Storage Blob Data Owner"], set(ACTIONS)),
        (["Storage Blob Data Reader"], READING),
        ([f"{BLOBS}/add/action", f"{BLOBS}/read"], {"list", "read", "create"}),
        ([], set()),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else "",
)
def test_roles_decide_in_a_restricted_account(
    azure: LocalAzure, container: ContainerClient, control: ControlClient, granted: list[str], allowed: set[str]
) -> None:
    caller = f"00000000-0000-0000-0000-{next(_NUMBERS):012}"
    container.upload_blob("there", b"there")
    control.change_storage(restricted=True, assignments={caller: granted})
    access = control.create_token(NewToken(audience=STORAGE, object_id=caller))
    since = len(control.journal())
    found = set()
    for word, (method, path, _) in ACTIONS.items():
        headers = {"x-ms-blob-type": "BlockBlob"} if word in ("create", "replace") else {}
        headers |= {"If-None-Match": "*"} if word == "create" else {}
        url = azure.endpoints.storage_account_url + path.format(container=container.container_name)
        response = send(access, method, url, headers)
        if response.status_code != 403:
            found.add(word)
        else:
            expected = "AuthorizationPermissionMismatch"
            if word == "replace" and f"{BLOBS}/add/action" in granted:
                expected = "UnauthorizedBlobOverwrite"
            assert response.headers["x-ms-error-code"] == expected
    assert found == allowed
    actions = [entry["action"] for entry in control.journal("blob_storage", since=since)]
    assert actions == [action for _, _, action in ACTIONS.values()]


def test_an_sdk_sees_that_it_is_not_allowed(
    container: ContainerClient, control: ControlClient, application: MadeApplication
) -> None:
    control.change_storage(restricted=True, assignments={application.object_id: ["Storage Blob Data Reader"]})
    assert [item.name for item in container.list_blobs()] == []
    with pytest.raises(HttpResponseError) as raised:
        container.upload_blob("new", b"new")
    assert code_of(raised) == (403, "AuthorizationPermissionMismatch")


def test_asynchronous_clients_do_the_same(
    azure: LocalAzure, immutable: ContainerClient, application: MadeApplication
) -> None:
    async def run() -> None:
        endpoints = azure.endpoints
        async with (
            AsyncClientSecretCredential(
                endpoints.tenant_id,
                application.client_id,
                application.client_secret,
                transport=AsyncioRequestsTransport(),
            ) as credential,
            AsyncBlobServiceClient(
                endpoints.storage_account_url, credential=credential, transport=AsyncioRequestsTransport()
            ) as service,
        ):
            container = service.get_container_client(str(immutable.container_name))
            blob = await container.upload_blob("async", b"content")
            assert await (await blob.download_blob()).readall() == b"content"
            with pytest.raises(HttpResponseError) as raised:
                await blob.upload_blob(b"other", overwrite=True)
            assert code_of(raised) == IMMUTABLE

    asyncio.run(run())


def test_azurite_does_not_begin_to_collect_after_some_minutes() -> None:
    show = """
    const Manager = require("azurite/dist/src/blob/gc/BlobGCManager").default;
    console.log(new Manager(null, null, null, () => {}, null).gcIntervalInMS / 86_400_000);
    """
    command = [find_node(), "--require", str(NEVER_COLLECT), "--eval", show]
    days = subprocess.run(command, cwd=NEVER_COLLECT.parent, capture_output=True, text=True, check=True).stdout
    assert float(days) > 20
