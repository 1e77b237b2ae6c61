"""Key Vault: the custodians' wrapping certificates and keys, public halves only."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from clients.azure_errors import our_errors, unreadable
from clients.credential import RETRIES, credential
from clients.transport import make_transport
from domain.names import CertificateId

if TYPE_CHECKING:
    from azure.core.exceptions import HttpResponseError
    from azure.keyvault.certificates import CertificateClient
    from azure.keyvault.keys import KeyClient

_VAULTS: Final = 32
_PURGEABLE: Final = "Purgeable"
_RECOVERABLE: Final = "Recoverable"


class VaultCertificate(NamedTuple):
    """One version of a certificate as its vault gives it; `purge_protection` is None where the vault does not say."""

    id: str
    der: bytes
    enabled: bool
    purge_protection: bool | None = None


class VaultKey(NamedTuple):
    """The key of one version of a certificate as its vault gives it."""

    enabled: bool


@lru_cache(maxsize=_VAULTS)
def _certificates(vault_url: str) -> "CertificateClient":
    from azure.keyvault.certificates import CertificateClient

    return CertificateClient(vault_url, credential(), transport=make_transport(), **RETRIES)


@lru_cache(maxsize=_VAULTS)
def _keys(vault_url: str) -> "KeyClient":
    from azure.keyvault.keys import KeyClient

    return KeyClient(vault_url, credential(), transport=make_transport(), **RETRIES)


def find_certificate(certificate: CertificateId) -> VaultCertificate | None:
    """Read a certificate, the latest version where none is named; None where there is none."""
    from azure.core.exceptions import ResourceNotFoundError

    with our_errors("read the wrapping certificate"):
        client = _certificates(certificate.vault_url)
        try:
            found = (
                client.get_certificate_version(certificate.name, certificate.version)
                if certificate.version
                else client.get_certificate(certificate.name)
            )
        except ResourceNotFoundError:
            return None
    properties: Any = found.properties
    identity = CertificateId(certificate.vault, certificate.name, properties.version if properties else None)
    return VaultCertificate(
        str(identity),
        bytes(found.cer or b""),
        bool(properties and properties.enabled),
        _is_purge_protected(properties.recovery_level if properties else None),
    )


def find_key(certificate: CertificateId) -> VaultKey | None:
    """Read the key that belongs to a version of a certificate; None where there is none."""
    from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

    with our_errors("read the wrapping key"):
        try:
            found = _keys(certificate.vault_url).get_key(certificate.name, certificate.version)
        except ResourceNotFoundError:
            return None
        except HttpResponseError as error:
            if _inner_code(error) == "KeyDisabled":
                return VaultKey(enabled=False)
            raise
        except AttributeError:
            # The SDK takes any JSON for a key, and looks for its parts.
            raise unreadable("read the wrapping key") from None
    return VaultKey(enabled=bool(found.properties.enabled))


def _inner_code(error: "HttpResponseError") -> str | None:
    """Give the code by which Key Vault says why it refused (source: recordings of the service in azure-cli)."""
    inner = error.error.innererror if error.error else None
    return inner.get("code") if inner else None


def _is_purge_protected(recovery_level: str | None) -> bool | None:
    """Read what a recovery level says (source: Key Vault REST API, DeletionRecoveryLevel)."""
    if recovery_level is None:
        return None
    return _RECOVERABLE in recovery_level and _PURGEABLE not in recovery_level
