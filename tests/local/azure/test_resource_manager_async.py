"""ARM with the asynchronous clients of the real SDKs."""

import asyncio

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.core.pipeline.transport import AsyncioRequestsTransport
from azure.identity.aio import ClientSecretCredential
from azure.mgmt.keyvault.aio import KeyVaultManagementClient
from azure.mgmt.keyvault.models import ManagedHsm
from azure.mgmt.resource.resources.aio import ResourceManagementClient

from local.azure.control.client import ControlClient
from local.azure.control.models import MadeApplication
from local.azure.launch import LocalAzure
from tests.local.azure.conftest import hsm_model

ASYNC_GROUP = "rg-async"


def sign_in(azure: LocalAzure, application: MadeApplication) -> ClientSecretCredential:
    return ClientSecretCredential(
        azure.endpoints.tenant_id,
        application.client_id,
        application.client_secret,
        transport=AsyncioRequestsTransport(),
    )


def test_an_hsm_comes_goes_and_comes_back(
    azure: LocalAzure, application: MadeApplication, control: ControlClient, hsm_name: str
) -> None:
    subscription = azure.endpoints.subscription_id
    control.change_timing(0.2, 0.2)

    async def live() -> None:
        async with (
            sign_in(azure, application) as credential,
            ResourceManagementClient(
                credential, subscription, transport=AsyncioRequestsTransport(), polling_interval=0.1
            ) as resources,
            KeyVaultManagementClient(
                credential, subscription, transport=AsyncioRequestsTransport(), polling_interval=0.1
            ) as client,
        ):
            hsms = client.managed_hsms
            await resources.resource_groups.create_or_update(ASYNC_GROUP, {"location": "norwayeast"})
            model = hsm_model(azure, application.object_id)
            created = await (await hsms.begin_create_or_update(ASYNC_GROUP, hsm_name, model)).result()
            assert created
            assert created.properties
            assert created.properties.provisioning_state == "Succeeded"
            changed = await (await hsms.begin_update(ASYNC_GROUP, hsm_name, ManagedHsm(tags={"a": "b"}))).result()
            assert changed
            assert changed.tags == {"a": "b"}
            await (await resources.resource_groups.begin_delete(ASYNC_GROUP)).result()
            assert [item.name async for item in hsms.list_deleted()] == [hsm_name]
            with pytest.raises(ResourceNotFoundError, match="ResourceGroupNotFound"):
                await hsms.begin_create_or_update(ASYNC_GROUP, hsm_name, model)
            await resources.resource_groups.create_or_update(ASYNC_GROUP, {"location": "norwayeast"})
            with pytest.raises(ResourceExistsError, match="ConflictError"):
                await hsms.begin_create_or_update(ASYNC_GROUP, hsm_name, model)
            properties = {"tenantId": azure.endpoints.tenant_id, "createMode": "recover"}
            recovery = ManagedHsm({"location": "norwayeast", "sku": model.sku, "properties": properties})
            recovered = await (await hsms.begin_create_or_update(ASYNC_GROUP, hsm_name, recovery)).result()
            assert recovered
            assert recovered.tags == {"a": "b"}
            await (await hsms.begin_delete(ASYNC_GROUP, hsm_name)).result()
            await (await hsms.begin_purge_deleted(hsm_name, "norwayeast")).result()
            assert [item.name async for item in hsms.list_deleted()] == []

    asyncio.run(live())


def test_a_stranger_is_refused(azure: LocalAzure, control: ControlClient) -> None:
    stranger = control.create_application("stranger", {})

    async def ask() -> None:
        async with (
            sign_in(azure, stranger) as credential,
            KeyVaultManagementClient(
                credential, azure.endpoints.subscription_id, transport=AsyncioRequestsTransport()
            ) as client,
        ):
            with pytest.raises(HttpResponseError, match="managedHSMs/read") as refused:
                await client.managed_hsms.get(ASYNC_GROUP, "some-hsm")
            assert refused.value.status_code == 403

    asyncio.run(ask())
