"""Copies a container into a directory, as `az storage blob download-batch` does."""

from pathlib import Path

from local.stack import Stack


def copy_container(stack: Stack, container: str, directory: Path) -> int:
    """Write each blob of a container to its path under a directory, and give their number."""
    from azure.storage.blob import ContainerClient

    url = stack.azure.endpoints.storage_account_url
    directory.mkdir(parents=True, exist_ok=True)
    copied = 0
    with stack.portal_credential() as credential, ContainerClient(url, container, credential) as client:
        for name in client.list_blob_names():
            target = directory / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(client.download_blob(name).readall())
            copied += 1
    return copied
