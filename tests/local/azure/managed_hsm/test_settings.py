"""Settings with the real SDK."""

import asyncio
from collections.abc import Iterator

import pytest
from azure.core.credentials import TokenCredential
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.core.pipeline.transport import AsyncioRequestsTransport
from azure.identity.aio import ClientSecretCredential as AsyncClientSecretCredential
from azure.keyvault.administration import KeyVaultSetting, KeyVaultSettingsClient, KeyVaultSettingType
from azure.keyvault.administration.aio import KeyVaultSettingsClient as AsyncKeyVaultSettingsClient

from local.azure.control.models import MadeApplication
from local.azure.launch import LocalAzure
from tests.local.azure.managed_hsm.conftest import url

NAME = "AllowKeyManagementOperationsThroughARM"


@pytest.fixture
def settings(active_hsm: str, credential: TokenCredential) -> Iterator[KeyVaultSettingsClient]:
    with KeyVaultSettingsClient(url(active_hsm), credential) as client:
        yield client


def test_a_setting_is_off_until_it_is_changed(settings: KeyVaultSettingsClient) -> None:
    (setting,) = settings.list_settings()
    assert (setting.name, setting.getboolean(), setting.setting_type) == (NAME, False, KeyVaultSettingType.BOOLEAN)
    changed = settings.update_setting(KeyVaultSetting(name=NAME, value="true"))
    assert changed.getboolean() is True
    assert settings.get_setting(NAME).getboolean() is True


def test_what_is_no_setting_or_no_value_is_refused(settings: KeyVaultSettingsClient) -> None:
    with pytest.raises(ResourceNotFoundError, match="SettingNotFound"):
        settings.get_setting("Other")
    with pytest.raises(HttpResponseError, match="Property value has invalid value"):
        settings.update_setting(KeyVaultSetting(name=NAME, value="perhaps"))
    assert settings.get_setting(NAME).getboolean() is False


def test_who_is_no_administrator_changes_nothing(active_hsm: str, other_credential: TokenCredential) -> None:
    with (
        KeyVaultSettingsClient(url(active_hsm), other_credential) as client,
        pytest.raises(HttpResponseError, match=r"AccessDenied.*settings/write/action on /"),
    ):
        client.update_setting(KeyVaultSetting(name=NAME, value="true"))


def test_the_asynchronous_client_does_the_same(
    active_hsm: str, azure: LocalAzure, application: MadeApplication
) -> None:
    async def work() -> None:
        async with (
            AsyncClientSecretCredential(
                azure.endpoints.tenant_id,
                application.client_id,
                application.client_secret,
                transport=AsyncioRequestsTransport(),
            ) as credential,
            AsyncKeyVaultSettingsClient(url(active_hsm), credential, transport=AsyncioRequestsTransport()) as client,
        ):
            await client.update_setting(KeyVaultSetting(name=NAME, value="true"))
            assert [item.getboolean() async for item in client.list_settings()] == [True]

    asyncio.run(work())
