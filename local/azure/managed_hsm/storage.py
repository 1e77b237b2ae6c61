"""The Blob storage account that is here, as an HSM's managed identity reaches it."""

import ssl
import uuid
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import httpx

from local.azure.blob_storage.azurite import ACCOUNT_HOST
from local.azure.core.certificates import TlsFiles
from local.azure.core.claims import AccessToken
from local.azure.core.tokens import TokenAuthority

_AUDIENCE: Final = "https://storage.azure.com"
_VERSION: Final = "2024-11-04"
# As recorded of the real service, for an account that does not exist.
NOT_FOUND: Final = "ResourceNotFound"


class StorageFailureError(Exception):
    """What was asked for could not be had; `details` are for a job's status."""

    def __init__(self, details: str) -> None:
        super().__init__(details)
        self.details = details


class Container(NamedTuple):
    """A container of an account, and the object id of the identity that reaches it."""

    host: str
    name: str
    identity: str


class BackupStorage:
    """Reads and writes blobs; every method raises StorageFailureError."""

    def __init__(self, port: int, files: TlsFiles, authority: TokenAuthority) -> None:
        self._authority = authority
        self._base = f"https://127.0.0.1:{port}"
        self._context = ssl.create_default_context(cafile=str(files.authority))

    async def check(self, container: Container) -> None:
        """Find the container."""
        await self._send(container, "GET", "?restype=container")

    async def write(self, container: Container, name: str, content: bytes) -> None:
        """Write a blob that does not exist."""
        await self._send(container, "PUT", f"/{quote(name)}", content)

    async def read(self, container: Container, name: str) -> bytes:
        """Read a blob."""
        return await self._send(container, "GET", f"/{quote(name)}")

    async def _send(self, container: Container, method: str, path: str, content: bytes | None = None) -> bytes:
        if container.host != ACCOUNT_HOST:
            raise StorageFailureError(NOT_FOUND)
        own = AccessToken(
            tenant_id=self._authority.tenant_id,
            audience=_AUDIENCE,
            object_id=container.identity,
            client_id=container.identity,
        )
        token = self._authority.sign(own.claims())
        # Azurite reads the account from the host name; its certificate is checked against that name, too.
        headers = {"Host": container.host, "Authorization": f"Bearer {token}", "x-ms-version": _VERSION}
        if content is not None:
            headers |= {"x-ms-blob-type": "BlockBlob", "If-None-Match": "*"}
        url = f"{self._base}/{quote(container.name)}{path}"
        async with httpx.AsyncClient(verify=self._context, trust_env=False, timeout=60) as client:
            answer = await client.request(
                method, url, content=content, headers=headers, extensions={"sni_hostname": container.host}
            )
        if not answer.is_success:
            code = answer.headers.get("x-ms-error-code", str(answer.status_code))
            raise StorageFailureError(NOT_FOUND if code in ("ContainerNotFound", "BlobNotFound") else code)
        return answer.content


def user_assigned_identity(identity: dict[str, Any]) -> str | None:
    """Give the object id of an HSM's user-assigned identity, the first where it has several."""
    assigned: dict[str, Any] = identity.get("userAssignedIdentities") or {}
    for resource, described in assigned.items():
        # An identity that nobody described has an id that follows from its name.
        known = (described or {}).get("principalId")
        return str(known or uuid.uuid5(uuid.NAMESPACE_URL, resource.lower()))
    return None
