"""What keys are for: encryption, wrapping and signatures, by the names of RFC 7518 and Key Vault.

Sources: azure-keyvault-keys 4.11.3, crypto/_enums.py, for the algorithms; "About keys" for what a key's state forbids.
"""

import secrets
from collections.abc import Callable
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from cryptography.hazmat.primitives.padding import PKCS7
from pydantic import BaseModel

from local.azure.managed_hsm.bodies import UrlBytes
from local.azure.managed_hsm.faults import bad_parameter, refusal
from local.azure.managed_hsm.key_material import load_private_key
from local.azure.managed_hsm.keys import KeyVersion

_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}
# Key Vault uses what an expired key left behind, but makes nothing new with it.
_ALWAYS_POSSIBLE: Final = frozenset({"decrypt", "unwrapKey", "verify"})
_CURVES_OF: Final = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1", "ES256K": "secp256k1"}
_BLOCK_BITS: Final = 128
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16


class Parameters(BaseModel):
    """The body of an encryption, a decryption, a wrapping or an unwrapping."""

    alg: str
    value: UrlBytes
    iv: UrlBytes | None = None
    aad: UrlBytes | None = None
    tag: UrlBytes | None = None


class SignParameters(BaseModel):
    """The body of a signature: of a digest, which the client makes."""

    alg: str
    value: UrlBytes


class VerifyParameters(BaseModel):
    """The body of a verification."""

    alg: str
    digest: UrlBytes
    value: UrlBytes


class Result(BaseModel):
    """What an encryption or a decryption gives."""

    value: UrlBytes
    iv: UrlBytes | None = None
    aad: UrlBytes | None = None
    tag: UrlBytes | None = None


def check_usable(version: KeyVersion, operation: str, now: int) -> None:
    """Refuse what a key's state or its operations forbid; raises ServiceFault 403."""
    attributes = version.attributes
    if not attributes.enabled:
        raise refusal(403, "Forbidden", f"Operation {operation} is not allowed on a disabled key.")
    if operation not in version.operations:
        raise refusal(403, "Forbidden", f"Operation {operation} is not permitted on this key.")
    early = attributes.not_before is not None and now < attributes.not_before
    late = attributes.expires is not None and now >= attributes.expires
    if (early or late) and operation not in _ALWAYS_POSSIBLE:
        state = "not yet valid" if early else "expired"
        raise refusal(403, "Forbidden", f"Operation {operation} is not allowed on a key that is {state}.")


def encrypt(version: KeyVersion, asked: Parameters) -> Result:
    """Encrypt, or wrap a key; raises ServiceFault 400."""
    if version.kind == "oct-HSM":
        return _symmetric(version, asked)[0](version.material, asked)
    key = _rsa_key(version, asked.alg)
    try:
        return Result(value=key.public_key().encrypt(asked.value, _encryption_padding(asked.alg)))
    except ValueError:
        raise bad_parameter("The value is too long for the key.") from None


def decrypt(version: KeyVersion, asked: Parameters) -> Result:
    """Decrypt, or unwrap a key; raises ServiceFault 400."""
    try:
        if version.kind == "oct-HSM":
            return _symmetric(version, asked)[1](version.material, asked)
        return Result(value=_rsa_key(version, asked.alg).decrypt(asked.value, _encryption_padding(asked.alg)))
    except (ValueError, InvalidTag, InvalidUnwrap):
        raise bad_parameter("The value cannot be decrypted with this key.") from None


def sign(version: KeyVersion, asked: SignParameters) -> bytes:
    """Sign a digest; raises ServiceFault 400."""
    digest = _digest_of(asked.alg, asked.value)
    if asked.alg.startswith("ES"):
        key = _elliptic_key(version, asked.alg)
        size = (key.key_size + 7) // 8
        r, s = decode_dss_signature(key.sign(asked.value, ec.ECDSA(digest)))
        return r.to_bytes(size) + s.to_bytes(size)
    return _rsa_key(version, asked.alg).sign(asked.value, _signature_padding(asked.alg, digest), digest)


def verify(version: KeyVersion, asked: VerifyParameters) -> bool:
    """Say whether a signature is of this digest by this key; raises ServiceFault 400."""
    digest = _digest_of(asked.alg, asked.digest)
    try:
        if asked.alg.startswith("ES"):
            key = _elliptic_key(version, asked.alg)
            half = (key.key_size + 7) // 8
            if len(asked.value) != 2 * half:
                return False
            r, s = (int.from_bytes(part) for part in (asked.value[:half], asked.value[half:]))
            key.public_key().verify(encode_dss_signature(r, s), asked.digest, ec.ECDSA(digest))
        else:
            public_key = _rsa_key(version, asked.alg).public_key()
            public_key.verify(asked.value, asked.digest, _signature_padding(asked.alg, digest), digest)
    except InvalidSignature:
        return False
    return True


def _rsa_key(version: KeyVersion, algorithm: str) -> rsa.RSAPrivateKey:
    key = load_private_key(version.material) if version.kind == "RSA-HSM" else None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise _unsupported(algorithm)
    return key


def _elliptic_key(version: KeyVersion, algorithm: str) -> ec.EllipticCurvePrivateKey:
    key = load_private_key(version.material) if version.kind == "EC-HSM" else None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != _CURVES_OF.get(algorithm):
        raise _unsupported(algorithm)
    return key


def _unsupported(algorithm: str) -> Exception:
    return bad_parameter(f"Algorithm {algorithm[:20]} is not supported by this key.")


def _encryption_padding(algorithm: str) -> padding.AsymmetricPadding:
    # SHA-1 and PKCS #1 v1.5 are weak, and what these names mean (RFC 7518, 4.2 and 4.3).
    if algorithm == "RSA1_5":
        return padding.PKCS1v15()
    digests: dict[str, hashes.HashAlgorithm] = {"RSA-OAEP": hashes.SHA1(), "RSA-OAEP-256": hashes.SHA256()}  # noqa: S303
    if algorithm not in digests:
        raise _unsupported(algorithm)
    return padding.OAEP(mgf=padding.MGF1(digests[algorithm]), algorithm=digests[algorithm], label=None)


def _digest_of(algorithm: str, digest: bytes) -> Prehashed:
    name = _HASHES.get(algorithm[2:5])
    if name is None or algorithm not in {*_CURVES_OF, f"RS{algorithm[2:5]}", f"PS{algorithm[2:5]}"}:
        raise _unsupported(algorithm)
    if len(digest) != name.digest_size:
        raise bad_parameter(f"The digest has not the length that {algorithm} needs.")
    return Prehashed(name)


def _signature_padding(algorithm: str, digest: Prehashed) -> padding.AsymmetricPadding:
    if algorithm.startswith("RS"):
        return padding.PKCS1v15()
    return padding.PSS(mgf=padding.MGF1(_HASHES[algorithm[2:5]]), salt_length=digest.digest_size)


def _encrypt_gcm(key: bytes, asked: Parameters) -> Result:
    # The HSM chooses the nonce: a client's could repeat.
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, asked.value, asked.aad)
    return Result(value=sealed[:-_TAG_BYTES], iv=nonce, aad=asked.aad, tag=sealed[-_TAG_BYTES:])


def _decrypt_gcm(key: bytes, asked: Parameters) -> Result:
    if asked.iv is None or asked.tag is None:
        raise bad_parameter("Properties iv and tag are required.")
    return Result(value=AESGCM(key).decrypt(asked.iv, asked.value + asked.tag, asked.aad))


def _cbc(key: bytes, asked: Parameters) -> Cipher[modes.CBC]:
    if asked.iv is None or len(asked.iv) != _BLOCK_BITS // 8:
        raise bad_parameter("Property iv must be of 16 bytes.")
    return Cipher(algorithms.AES(key), modes.CBC(asked.iv))


def _encrypt_cbc(key: bytes, asked: Parameters) -> Result:
    if len(asked.value) % (_BLOCK_BITS // 8):
        raise bad_parameter("The value must be of whole blocks.")
    encryptor = _cbc(key, asked).encryptor()
    return Result(value=encryptor.update(asked.value) + encryptor.finalize(), iv=asked.iv)


def _decrypt_cbc(key: bytes, asked: Parameters) -> Result:
    decryptor = _cbc(key, asked).decryptor()
    return Result(value=decryptor.update(asked.value) + decryptor.finalize())


def _encrypt_padded(key: bytes, asked: Parameters) -> Result:
    padder = PKCS7(_BLOCK_BITS).padder()
    padded = padder.update(asked.value) + padder.finalize()
    return _encrypt_cbc(key, asked.model_copy(update={"value": padded}))


def _decrypt_padded(key: bytes, asked: Parameters) -> Result:
    unpadder = PKCS7(_BLOCK_BITS).unpadder()
    return Result(value=unpadder.update(_decrypt_cbc(key, asked).value) + unpadder.finalize())


def _wrap(key: bytes, asked: Parameters) -> Result:
    try:
        return Result(value=aes_key_wrap(key, asked.value))
    except ValueError:
        raise bad_parameter("The value must be of whole words, at least two.") from None


def _unwrap(key: bytes, asked: Parameters) -> Result:
    return Result(value=aes_key_unwrap(key, asked.value))


_Step = Callable[[bytes, Parameters], Result]
_SYMMETRIC: Final[dict[str, tuple[_Step, _Step]]] = {
    "GCM": (_encrypt_gcm, _decrypt_gcm),
    "CBC": (_encrypt_cbc, _decrypt_cbc),
    "CBCPAD": (_encrypt_padded, _decrypt_padded),
    "KW": (_wrap, _unwrap),
}


def _symmetric(version: KeyVersion, asked: Parameters) -> tuple[_Step, _Step]:
    size, mode = asked.alg[1:4], asked.alg[4:]
    if asked.alg[:1] != "A" or size != str(8 * len(version.material)) or mode not in _SYMMETRIC:
        raise _unsupported(asked.alg)
    return _SYMMETRIC[mode]


def describe_result(identifier: str, result: Result) -> dict[str, Any]:
    """Write what an operation gives."""
    return {"kid": identifier, **result.model_dump(mode="json", exclude_none=True)}
