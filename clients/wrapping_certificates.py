"""The certificates that a request names for its wrapping keys, wherever they lie."""

from typing import NamedTuple

from clients import key_vault
from clients.key_vault import VaultCertificate
from domain.errors import FieldError, ServiceError
from domain.names import parse_certificate_id
from domain.requests import WrappingKeyRequest
from domain.wrapping_keys import WrappingCertificate, WrappingKeyFault, read_der, read_pem, wrapping_key_field


class FoundKey(NamedTuple):
    """A wrapping key's certificate or why it cannot be used; `certificate_id` names the version, None for PEM."""

    certificate_id: str | None
    certificate: WrappingCertificate | WrappingKeyFault


def read_wrapping_certificate(index: int, certificate_id: str) -> VaultCertificate | None:
    """Read a wrapping key's certificate; raises ServiceError that names the key where its vault does not answer."""
    try:
        return key_vault.find_certificate(parse_certificate_id(certificate_id))
    except ServiceError as error:
        detail = error.detail
        field = FieldError(field=wrapping_key_field(index), message=detail.message, code=detail.code)
        advice = f"{detail.advice} Check that the vault exists and lets the service read its certificates."
        raise ServiceError(detail.model_copy(update={"errors": [field], "advice": advice})) from None


def find_wrapping_key(index: int, key: WrappingKeyRequest) -> FoundKey:
    """Find the certificate of a wrapping key, its latest version where none is named.

    Raises ServiceError that names the key where its vault does not answer.
    """
    if key.certificate_id is None:
        return FoundKey(None, read_pem(key.pem or ""))
    found = read_wrapping_certificate(index, key.certificate_id)
    if found is None:
        fault = WrappingKeyFault("wrapping_key_not_found", "Key Vault has no such certificate.")
        return FoundKey(key.certificate_id, fault)
    if not found.enabled:
        return FoundKey(
            found.id, WrappingKeyFault("wrapping_key_disabled", "The certificate is disabled in Key Vault.")
        )
    return FoundKey(found.id, read_der(found.der))
