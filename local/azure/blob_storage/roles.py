"""The built-in roles of Blob storage's data (source: Microsoft Learn, Azure built-in roles for Storage)."""

from typing import Final

from local.azure.core.data_access import Roles

BLOB_SERVICES: Final = "Microsoft.Storage/storageAccounts/blobServices"
CONTAINERS: Final = f"{BLOB_SERVICES}/containers"
BLOBS: Final = f"{CONTAINERS}/blobs"
ROLES: Final[Roles] = {
    "Storage Blob Data Owner": [
        f"{CONTAINERS}/*",
        f"{BLOB_SERVICES}/generateUserDelegationKey/action",
    ],
    "Storage Blob Data Contributor": [
        f"{CONTAINERS}/delete",
        f"{CONTAINERS}/read",
        f"{CONTAINERS}/write",
        f"{BLOB_SERVICES}/generateUserDelegationKey/action",
        f"{BLOBS}/delete",
        f"{BLOBS}/read",
        f"{BLOBS}/write",
        f"{BLOBS}/move/action",
        f"{BLOBS}/add/action",
    ],
    "Storage Blob Data Reader": [
        f"{CONTAINERS}/read",
        f"{BLOB_SERVICES}/generateUserDelegationKey/action",
        f"{BLOBS}/read",
    ],
}
