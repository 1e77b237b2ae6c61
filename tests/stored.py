"""Reads what the app stored, as an auditor would: straight from blob storage."""

from functools import lru_cache

from azure.identity import ClientSecretCredential
from azure.storage.blob import BlobClient, BlobServiceClient

from local.stack import Stack


@lru_cache(maxsize=1)
def _service(account_url: str, tenant: str, client: str, secret: str) -> BlobServiceClient:
    return BlobServiceClient(account_url, credential=ClientSecretCredential(tenant, client, secret))


def service(stack: Stack) -> BlobServiceClient:
    endpoints, portal = stack.azure.endpoints, stack.portal
    return _service(endpoints.storage_account_url, endpoints.tenant_id, portal.client_id, portal.client_secret)


def client(stack: Stack, blob_url: str) -> BlobClient:
    container, _, path = blob_url.removeprefix(f"{stack.azure.endpoints.storage_account_url}/").partition("/")
    return service(stack).get_blob_client(container, path)


def read(stack: Stack, blob_url: str) -> bytes:
    return client(stack, blob_url).download_blob().readall()


def paths(stack: Stack, hsm: str) -> list[str]:
    return list(service(stack).get_container_client("security-domains").list_blob_names(name_starts_with=f"{hsm}/"))
