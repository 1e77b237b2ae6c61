"""What a certificate's key does for those who may use it; its private half stays where it is."""

import base64
from typing import Final, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)

from local.azure.core.errors import ServiceFault
from local.azure.key_vault.bodies import Operation, Verification
from local.azure.key_vault.faults import bad_parameter, disabled, make_fault
from local.azure.key_vault.issuing import PrivateKey
from local.azure.key_vault.models import Version

KeyOperation = Literal["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"]


def _oaep(algorithm: hashes.HashAlgorithm) -> padding.AsymmetricPadding:
    return padding.OAEP(padding.MGF1(algorithm), algorithm, label=None)


# RFC 7518, section 4.3, and RFC 8017 for the oldest.
_ENCRYPTIONS: Final[dict[str, padding.AsymmetricPadding]] = {
    "RSA-OAEP-256": _oaep(hashes.SHA256()),
    "RSA-OAEP": _oaep(hashes.SHA1()),  # noqa: S303 - it is what the name means
    "RSA1_5": padding.PKCS1v15(),
}
_DIGESTS: Final[dict[str, hashes.HashAlgorithm]] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}
_CURVE_ALGORITHMS: Final = {"secp256r1": "ES256", "secp256k1": "ES256K", "secp384r1": "ES384", "secp521r1": "ES512"}


def check_usable(version: Version, operation: KeyOperation) -> None:
    """Refuse what a version's key does not do; raises ServiceFault 403."""
    if not version.usable_key:
        raise disabled("key", operation)
    if operation not in version.key_operations:
        message = f"Operation {operation} is not permitted on this key."
        raise make_fault(403, "Forbidden", "KeyOperationForbidden", message)


def operate(version: Version, operation: KeyOperation, body: Operation) -> bytes:
    """Encrypt, decrypt or sign; raises ServiceFault 400."""
    value = _decode("value", body.value)
    if operation == "sign":
        return _sign(_private_key(version), body.alg, value)
    scheme = _ENCRYPTIONS.get(body.alg)
    public = version.certificate.public_key()
    if scheme is None or not isinstance(public, rsa.RSAPublicKey):
        raise bad_parameter("alg", "it is not an algorithm of this key")
    try:
        if operation in ("encrypt", "wrapKey"):
            return public.encrypt(value, scheme)
        private = _private_key(version)
        assert isinstance(private, rsa.RSAPrivateKey)  # noqa: S101 - as its public half is
        return private.decrypt(value, scheme)
    except ValueError:
        raise bad_parameter("value", "this key and algorithm can do nothing with it") from None


def verify(version: Version, body: Verification) -> bool:
    """Say whether a signature is this key's; raises ServiceFault 400."""
    digest, signature = _decode("digest", body.digest), _decode("value", body.value)
    public = version.certificate.public_key()
    try:
        if isinstance(public, rsa.RSAPublicKey):
            scheme, algorithm = _find_scheme(body.alg)
            public.verify(signature, digest, scheme, Prehashed(algorithm))
        elif isinstance(public, ec.EllipticCurvePublicKey):
            half = len(signature) // 2
            points = int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
            public.verify(encode_dss_signature(*points), digest, ec.ECDSA(_find_curve_digest(public.curve, body.alg)))
    except InvalidSignature:
        return False
    except ValueError:
        raise bad_parameter("digest", "its length is not the algorithm's") from None
    return True


def _sign(key: PrivateKey, name: str, digest: bytes) -> bytes:
    try:
        if isinstance(key, rsa.RSAPrivateKey):
            scheme, algorithm = _find_scheme(name)
            return key.sign(digest, scheme, Prehashed(algorithm))
        signature = key.sign(digest, ec.ECDSA(_find_curve_digest(key.curve, name)))
    except ValueError:
        raise bad_parameter("value", "its length is not the algorithm's") from None
    size = (key.key_size + 7) // 8
    return b"".join(number.to_bytes(size) for number in decode_dss_signature(signature))


def _find_scheme(name: str) -> tuple[padding.AsymmetricPadding, hashes.HashAlgorithm]:
    family, algorithm = name[:2], _DIGESTS.get(name[2:])
    if algorithm is None or family not in ("RS", "PS"):
        raise bad_parameter("alg", "it is not an algorithm of this key")
    if family == "RS":
        return padding.PKCS1v15(), algorithm
    return padding.PSS(padding.MGF1(algorithm), algorithm.digest_size), algorithm


def _find_curve_digest(curve: ec.EllipticCurve, name: str) -> Prehashed:
    if _CURVE_ALGORITHMS.get(curve.name) != name:
        raise bad_parameter("alg", "it is not an algorithm of this key")
    return Prehashed(_DIGESTS[name[2:5]])


def _private_key(version: Version) -> PrivateKey:
    if version.private_key is None:
        message = "The control API planted this certificate without its private key."
        raise ServiceFault(404, "NotInLocalAzure", message)
    return version.private_key


def _decode(member: str, value: str) -> bytes:
    try:
        return base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise bad_parameter(member, "it is not base64url") from None
