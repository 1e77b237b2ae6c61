"""The settings of an HSM's data plane."""

from functools import lru_cache
from typing import TYPE_CHECKING

from clients.azure_errors import our_errors
from clients.credential import RETRIES, credential
from clients.transport import make_transport
from domain.names import hsm_uri

if TYPE_CHECKING:
    from azure.keyvault.administration import KeyVaultSettingsClient


@lru_cache(maxsize=64)
def _client(hsm: str) -> "KeyVaultSettingsClient":
    from azure.keyvault.administration import KeyVaultSettingsClient

    return KeyVaultSettingsClient(hsm_uri(hsm), credential(), transport=make_transport(), **RETRIES)


def read_setting(hsm: str, name: str) -> bool:
    """Say whether something is switched on."""
    with our_errors("tell the HSM's settings"):
        return str(_client(hsm).get_setting(name).value).lower() == "true"


def change_setting(hsm: str, name: str, *, on: bool) -> None:
    """Switch something on or off."""
    from azure.keyvault.administration import KeyVaultSetting

    with our_errors("change the HSM's settings"):
        _client(hsm).update_setting(KeyVaultSetting(name=name, value=on))
