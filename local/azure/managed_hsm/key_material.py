"""Making keys of the kinds that a Managed HSM has, and what anyone may know of them."""

import secrets
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from local.azure.managed_hsm.bodies import encode
from local.azure.managed_hsm.faults import bad_parameter

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
RSA_SIZES: Final = (2048, 3072, 4096)
SYMMETRIC_SIZES: Final = (128, 192, 256)
CURVES: Final[dict[str, ec.EllipticCurve]] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
    "P-256K": ec.SECP256K1(),
}


def make_material(kind: str, size: int | None, curve: str | None) -> bytes:
    """Make a key and write it as it is kept; raises ServiceFault 400."""
    if kind == "oct-HSM":
        bits = size or 256
        if bits not in SYMMETRIC_SIZES:
            raise bad_parameter("Property key_size has invalid value.")
        return secrets.token_bytes(bits // 8)
    key = _make_rsa(size or 2048) if kind == "RSA-HSM" else _make_elliptic(curve or "P-256")
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def make_another(kind: str, material: bytes) -> bytes:
    """Make a key of the size or the curve of another."""
    if kind == "oct-HSM":
        return secrets.token_bytes(len(material))
    key = load_private_key(material)
    if isinstance(key, rsa.RSAPrivateKey):
        return make_material(kind, key.key_size, None)
    return make_material(kind, None, _curve_of(key))


def load_private_key(material: bytes) -> PrivateKey:
    """Read a private key that was made here."""
    key = load_der_private_key(material, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, PrivateKey):
        raise TypeError
    return key


def describe_public(kind: str, material: bytes) -> dict[str, Any]:
    """Write the public members of a JWK; a symmetric key has none."""
    if kind == "oct-HSM":
        return {}
    key = load_private_key(material)
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        return {"n": encode(numbers.n.to_bytes(key.key_size // 8)), "e": encode(numbers.e.to_bytes(3))}
    size = (key.key_size + 7) // 8
    point = key.public_key().public_numbers()
    return {"crv": _curve_of(key), "x": encode(point.x.to_bytes(size)), "y": encode(point.y.to_bytes(size))}


def _curve_of(key: ec.EllipticCurvePrivateKey) -> str:
    return next(name for name, known in CURVES.items() if known.name == key.curve.name)


def _make_rsa(size: int) -> rsa.RSAPrivateKey:
    if size not in RSA_SIZES:
        raise bad_parameter("Property key_size has invalid value.")
    return rsa.generate_private_key(65537, size)


def _make_elliptic(curve: str) -> ec.EllipticCurvePrivateKey:
    if curve not in CURVES:
        raise bad_parameter("Property crv has invalid value.")
    return ec.generate_private_key(CURVES[curve])
