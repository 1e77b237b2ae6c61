"""Key Vault: the custodians' wrapping certificates, public halves only."""

from typing import NamedTuple

from clients.azure_errors import our_errors
from clients.credential import RETRIES, credential
from clients.transport import make_transport
from domain.names import CertificateId


class VaultCertificate(NamedTuple):
    """One version of a certificate as its vault gives it."""

    id: str
    der: bytes
    enabled: bool


def find_certificate(certificate: CertificateId) -> VaultCertificate | None:
    """Read a certificate, the latest version where none is named; None where there is none."""
    from azure.core.exceptions import ResourceNotFoundError
    from azure.keyvault.certificates import CertificateClient

    with our_errors("read the wrapping certificate"):
        client = CertificateClient(certificate.vault_url, credential(), transport=make_transport(), **RETRIES)
        try:
            found = (
                client.get_certificate_version(certificate.name, certificate.version)
                if certificate.version
                else client.get_certificate(certificate.name)
            )
        except ResourceNotFoundError:
            return None
    identity = CertificateId(
        certificate.vault, certificate.name, found.properties.version if found.properties else None
    )
    return VaultCertificate(str(identity), bytes(found.cer or b""), bool(found.properties and found.properties.enabled))
