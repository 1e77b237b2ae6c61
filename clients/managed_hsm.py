"""The Managed HSM's data plane: its security domain, handed out and taken in."""

import base64
import hashlib
from collections.abc import Callable, Sequence
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

from clients.azure_errors import our_errors, unreadable
from clients.credential import NO_RETRIES, credential
from clients.transport import make_transport
from domain.names import hsm_uri

if TYPE_CHECKING:
    from azure.core.rest import HttpResponse
    from azure.keyvault.securitydomain import SecurityDomainClient
    from azure.keyvault.securitydomain.models import SecurityDomainJsonWebKey, SecurityDomainOperationStatus

DomainStatus = Literal["InProgress", "Success", "Failed", "None"]
_API_VERSION: Final = "2025-07-01"
# `Success` is what the service says, `Succeeded` what it should; the SDK ends at either, and at `Canceled`
# (azure-keyvault-securitydomain 1.0.0b4, `_internal/polling.py`).
_WORDS: Final[dict[str, DomainStatus]] = {
    "success": "Success",
    "succeeded": "Success",
    "failed": "Failed",
    "canceled": "Failed",
    "inprogress": "InProgress",
    "in progress": "InProgress",
    "none": "None",
    "notstarted": "None",
}


@lru_cache(maxsize=64)
def _client(name: str) -> "SecurityDomainClient":
    from azure.keyvault.securitydomain import SecurityDomainClient

    # Nothing is ever re-sent by itself here: each export that we ask for is written down before it is asked for.
    return SecurityDomainClient(hsm_uri(name), credential(), transport=make_transport(), **NO_RETRIES)


def download_security_domain(name: str, certificates: Sequence[bytes], quorum: int) -> bytes:
    """Ask the HSM for its security domain, encrypted to these certificates (DER).

    The bytes come with the first answer. The SDK's poller would lose them if activation, or asking after it, failed; so
    it is told not to poll (source: azure-keyvault-securitydomain 1.0.0b4, `_internal/polling.py`).

    Raises RefusedByAzure `azure_conflict` while another export is under way.
    """
    from azure.keyvault.securitydomain.models import CertificateInfo

    info = CertificateInfo(certificates=[_web_key(der) for der in certificates], required=quorum)
    with our_errors("hand out the security domain"):
        domain = _client(name).begin_download(info, skip_activation_polling=True).result()
    if not domain.value:
        raise unreadable("hand out the security domain")
    return domain.value.encode()


def find_export_status(name: str) -> DomainStatus:
    """Ask how the last export went; `None` where there was none. An answer without a status is of one that begins."""
    return _find_status("tell how the export went", lambda: _client(name).get_download_status(), absent="InProgress")


def fetch_transfer_key(name: str) -> str:
    """Ask the HSM for the key to which a security domain must be encrypted for it: a JWK as JSON.

    An HSM that was not activated waits for a security domain from then on. Raises RefusedByAzure `azure_conflict` for
    one that is active.
    """
    with our_errors("give the HSM's transfer key"):
        # As it came: the SDK says that it is a JWK, and HSMs give the text of one.
        key = _client(name).get_transfer_key().get("transfer_key")
    if not isinstance(key, str):
        raise unreadable("give the HSM's transfer key")
    return key


def upload_security_domain(name: str, restore_blob: str) -> None:
    """Have the HSM take a security domain in, and do not wait for the end.

    Raises RefusedByAzure: `azure_refused` where the HSM cannot open it, `azure_conflict` where it takes none any more.
    """
    from azure.keyvault.securitydomain.models import SecurityDomain

    with our_errors("take the security domain in"):
        _client(name).begin_upload(SecurityDomain(value=restore_blob), skip_activation_polling=True).result()


def find_upload_status(name: str) -> DomainStatus:
    """Ask how the last upload of a security domain went; `None` where there was none, or none shows yet."""
    return _find_status("tell how the upload went", lambda: _client(name).get_upload_status(), absent="None")


def send(name: str, method: str, path: str, body: dict[str, Any] | None = None) -> "HttpResponse":
    """Ask the data plane for what no SDK asks just once; to be called within `our_errors`."""
    response = ask(name, method, path, body)
    response.raise_for_status()
    return response


def ask(name: str, method: str, path: str, body: dict[str, Any] | None = None) -> "HttpResponse":
    """Send the data plane a request and give its answer, whatever it says; to be called within `our_errors`."""
    from azure.core.rest import HttpRequest

    request = HttpRequest(method, path, params={"api-version": _API_VERSION}, json=body)
    return _client(name).send_request(request)


def _find_status(action: str, ask: Callable[[], "SecurityDomainOperationStatus"], absent: DomainStatus) -> DomainStatus:
    """Read a status in one word; raises ServiceError `azure_unreadable` for one that nobody knows.

    The SDK takes any text for a status, and none: the member is optional.
    """
    from azure.core.exceptions import ResourceNotFoundError

    with our_errors(action):
        try:
            status = ask().status
        except ResourceNotFoundError:
            return "None"
    if status is None:
        return absent
    word = _WORDS.get(str(status.value if isinstance(status, Enum) else status).lower())
    if word is None:
        raise unreadable(action)
    return word


def _web_key(der: bytes) -> "SecurityDomainJsonWebKey":
    """Describe a certificate as the Azure CLI does (keyvault/custom.py, security_domain_download)."""
    from azure.keyvault.securitydomain.models import SecurityDomainJsonWebKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.x509 import load_der_x509_certificate

    public_key = load_der_x509_certificate(der).public_key()
    if not isinstance(public_key, RSAPublicKey):
        message = "a pinned wrapping key is RSA"
        raise TypeError(message)
    numbers = public_key.public_numbers()
    thumbprint = _base64url(hashlib.sha256(der).digest())
    return SecurityDomainJsonWebKey(
        kid=thumbprint,
        kty="RSA",
        key_ops=["verify", "encrypt", "wrapKey"],
        n=_base64url(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8)),
        e=_base64url(numbers.e.to_bytes((numbers.e.bit_length() + 7) // 8)),
        x5_c=[base64.b64encode(der).decode()],
        # RFC 7517, section 4.8 defines x5t as SHA-1; nothing is trusted because of it.
        x5_t=_base64url(hashlib.sha1(der, usedforsecurity=False).digest()),
        x5_t_s256=thumbprint,
        alg="RSA-OAEP-256",
    )


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
