"""A private key that lies in a Key Vault and does not leave it: the vault unwraps, for whoever is signed in here."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from custodian.certificates import NamedCertificate
from custodian.errors import CustodianError

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

_KEY_ID: Final = re.compile(r"https://([a-z0-9-]{3,24})\.vault\.azure\.net/keys/([A-Za-z0-9-]{1,127})/([0-9a-f]{32})")
_FORBIDDEN: Final = 403
_BAD_REQUEST: Final = 400


class KeyVaultKey:
    """One version of a key in a Key Vault."""

    certificates: Sequence[NamedCertificate] = ()

    def __init__(self, key_id: str, credential: Callable[[], TokenCredential]) -> None:
        """Take the key's id; raises CustodianError `key_vault_key_malformed`, `key_vault_not_installed`."""
        parsed = _KEY_ID.fullmatch(key_id)
        if not parsed:
            raise CustodianError(
                "key_vault_key_malformed", "--key-vault-key takes https://VAULT.vault.azure.net/keys/NAME/VERSION."
            )
        self.name = f"{parsed[2]} in {parsed[1]}"
        self._client = _make_client(key_id, credential)

    def unwrap(self, algorithm: str, ciphertext: bytes) -> bytes:
        """Let the vault decrypt; raises ValueError where it cannot, and CustodianError where it does not.

        Unwrapping, not decrypting: the key of a certificate that was made by default may do the first only.
        """
        from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError
        from azure.keyvault.keys.crypto import KeyWrapAlgorithm

        try:
            return bytes(self._client.unwrap_key(KeyWrapAlgorithm(algorithm), ciphertext).key)
        except ClientAuthenticationError:
            raise CustodianError("not_signed_in", f"{self.name}: nobody is signed in who may ask: az login.") from None
        except HttpResponseError as error:
            if error.status_code == _BAD_REQUEST:
                raise ValueError(self.name) from None
            raise _refused(self.name, error.status_code) from None
        except AzureError:
            raise CustodianError("key_vault_unreachable", f"{self.name}: the Key Vault does not answer.") from None


def make_credential() -> TokenCredential:
    """Sign in as the person who sits here: the environment, az login, at last a browser; never as the machine."""
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential(
        exclude_managed_identity_credential=True,
        exclude_workload_identity_credential=True,
        exclude_interactive_browser_credential=False,
    )


def _make_client(key_id: str, credential: Callable[[], TokenCredential]) -> Any:
    try:
        from azure.keyvault.keys.crypto import CryptographyClient

        return CryptographyClient(key_id, credential())
    except ImportError:
        raise CustodianError(
            "key_vault_not_installed",
            "A key in a Key Vault needs more packages: install custodian/requirements-keyvault.txt.",
        ) from None


def _refused(name: str, status: int | None) -> CustodianError:
    if status == _FORBIDDEN:
        return CustodianError("key_vault_forbids", f"{name}: whoever is signed in may not unwrap with this key.")
    return CustodianError("key_vault_refuses", f"{name}: the Key Vault answers {status}.")
