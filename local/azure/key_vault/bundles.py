"""How Key Vault describes what it holds (source: recordings of the service in azure-cli)."""

import base64
import hashlib
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from local.azure.core.errors import ServiceFault
from local.azure.key_vault.importing import name_curve
from local.azure.key_vault.models import RECOVERABLE_DAYS, Certificate, DeletedCertificate, Vault, Version

Json = dict[str, Any]
_IN_PROGRESS: Final = (
    "Pending certificate created. Certificate request is in progress. This may take some time based on the issuer "
    "provider. Please check again later."
)


def describe_certificate(vault: Vault, certificate: Certificate, version: Version) -> Json:
    """Write a version's bundle, as for a call that names the version."""
    place = f"{certificate.name}/{version.id}"
    return {
        "id": f"{vault.url}/certificates/{place}",
        "kid": f"{vault.url}/keys/{place}",
        "sid": f"{vault.url}/secrets/{place}",
        "x5t": _thumbprint(version),
        "cer": base64.b64encode(version.certificate.public_bytes(Encoding.DER)).decode(),
        "attributes": _describe_attributes(vault, version),
        **_describe_tags(version),
    }


def describe_latest(vault: Vault, certificate: Certificate) -> Json:
    """Write the latest version's bundle, with what belongs to the certificate as a whole."""
    bundle = describe_certificate(vault, certificate, certificate.versions[-1])
    bundle["policy"] = describe_policy(vault, certificate)
    if certificate.pending is not None:
        bundle["pending"] = {"id": f"{vault.url}/certificates/{certificate.name}/pending"}
    return bundle


def describe_policy(vault: Vault, certificate: Certificate) -> Json:
    """Write a policy."""
    stored = certificate.stored
    return {
        "id": f"{vault.url}/certificates/{certificate.name}/policy",
        **stored.policy.write(),
        "attributes": {"enabled": True, "created": stored.created, "updated": stored.updated},
    }


def describe_item(vault: Vault, certificate: Certificate, version: Version, *, with_version: bool) -> Json:
    """Write what lists have of a version."""
    suffix = f"/{version.id}" if with_version else ""
    return {
        "id": f"{vault.url}/certificates/{certificate.name}{suffix}",
        "x5t": _thumbprint(version),
        "attributes": _describe_attributes(vault, version),
        **_describe_tags(version),
    }


def describe_deleted(vault: Vault, item: DeletedCertificate) -> Json:
    """Write a deleted certificate's bundle."""
    return {**_describe_deletion(vault, item), **describe_latest(vault, item.certificate)}


def describe_deleted_item(vault: Vault, item: DeletedCertificate) -> Json:
    """Write what lists have of a deleted certificate."""
    certificate = item.certificate
    listed = describe_item(vault, certificate, certificate.versions[-1], with_version=False)
    return {**_describe_deletion(vault, item), **listed}


def describe_operation(vault: Vault, certificate: Certificate, *, completed: bool) -> Json:
    """Write the operation that makes a version; raises ServiceFault 404 where none was ever begun."""
    pending = certificate.pending
    if pending is None:
        raise ServiceFault(404, "PendingCertificateNotFound", f"Pending certificate not found: {certificate.name}")
    url = f"{vault.url}/certificates/{certificate.name}"
    request = pending.request.public_bytes(Encoding.DER)
    operation: Json = {
        "id": f"{url}/pending",
        "issuer": {"name": pending.issuer},
        "csr": base64.b64encode(request).decode(),
        "cancellation_requested": False,
        "request_id": pending.id,
    }
    if completed:
        return {**operation, "status": "completed", "target": url}
    return {**operation, "status": "inProgress", "status_details": _IN_PROGRESS}


def describe_key(vault: Vault, certificate: Certificate, version: Version) -> Json:
    """Write the public half of a version's key; `managed` because its certificate rules over it."""
    exportable = {"exportable": bool(version.policy.key_props.exportable)}
    return {
        "key": {
            "kid": f"{vault.url}/keys/{certificate.name}/{version.id}",
            "kty": version.policy.key_props.kty,
            "key_ops": version.key_operations,
            **_describe_public_key(version),
        },
        "attributes": _describe_key_attributes(vault, version) | exportable,
        "managed": True,
        **_describe_tags(version),
    }


def describe_key_item(vault: Vault, certificate: Certificate, version: Version, *, with_version: bool) -> Json:
    """Write what lists have of a key."""
    suffix = f"/{version.id}" if with_version else ""
    return {
        "kid": f"{vault.url}/keys/{certificate.name}{suffix}",
        "attributes": _describe_key_attributes(vault, version),
        "managed": True,
        **_describe_tags(version),
    }


def describe_secret(vault: Vault, certificate: Certificate, version: Version, value: str) -> Json:
    """Write a version's secret."""
    place = f"{certificate.name}/{version.id}"
    return {
        "value": value,
        "contentType": version.policy.secret_props.content_type,
        "id": f"{vault.url}/secrets/{place}",
        "kid": f"{vault.url}/keys/{place}",
        "managed": True,
        "attributes": _describe_attributes(vault, version),
        **_describe_tags(version),
    }


def _thumbprint(version: Version) -> str:
    # x5t is SHA-1 by its definition (RFC 7517, 4.8).
    digest = hashlib.sha1(version.certificate.public_bytes(Encoding.DER), usedforsecurity=False).digest()
    return encode(digest)


def _describe_key_attributes(vault: Vault, version: Version) -> Json:
    return _describe_attributes(vault, version) | {"enabled": version.usable_key}


def _describe_attributes(vault: Vault, version: Version) -> Json:
    return {
        "enabled": version.enabled,
        "nbf": int(version.certificate.not_valid_before_utc.timestamp()),
        "exp": int(version.certificate.not_valid_after_utc.timestamp()),
        "created": version.created,
        "updated": version.updated,
        "recoveryLevel": vault.recovery_level,
        "recoverableDays": RECOVERABLE_DAYS,
    }


def _describe_tags(version: Version) -> Json:
    return {"tags": version.tags} if version.tags else {}


def _describe_deletion(vault: Vault, item: DeletedCertificate) -> Json:
    return {
        "recoveryId": f"{vault.url}/deletedcertificates/{item.certificate.name}",
        "deletedDate": int(item.deleted_at.timestamp()),
        "scheduledPurgeDate": int(item.purge_at.timestamp()),
    }


def _describe_public_key(version: Version) -> Json:
    key = version.certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return {"n": _encode_number(numbers.n), "e": _encode_number(numbers.e)}
    if isinstance(key, ec.EllipticCurvePublicKey):
        size = (key.key_size + 7) // 8
        point = key.public_numbers()
        return {"crv": name_curve(key.curve), "x": _encode_number(point.x, size), "y": _encode_number(point.y, size)}
    return {}


def _encode_number(number: int, size: int | None = None) -> str:
    return encode(number.to_bytes(size or (number.bit_length() + 7) // 8))


def encode(data: bytes) -> str:
    """Write bytes in base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
