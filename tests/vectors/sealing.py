"""Writes security domains and restore blobs from the published format, with all randomness given.

On cryptography's primitives alone, and shares no code with the app nor with the local Azure. Sources: azure-cli,
command_modules/keyvault/security_domain; RFC 7516; RFC 7518, 5.2.5; RFC 8017, 7.1.1.
"""

import base64
import hashlib
import hmac
import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.x509 import Certificate

from tests.security_domain_opener import derive_key, thumbprint
from tests.vectors.seeded import Stream

ENCRYPTION: Final = "A256CBC-HS512"
_FIELD: Final = 257


def encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def split(secret: bytes, coefficients: Sequence[Sequence[int]], count: int) -> list[bytes]:
    """Share a secret; for each byte its polynomial's coefficients of x, x**2 and so on."""
    return [
        struct.pack(
            f"<{len(secret)}H",
            *(
                x << 9 | sum(value * x**power for power, value in enumerate((byte, *rest))) % _FIELD
                for byte, rest in zip(secret, coefficients, strict=True)
            ),
        )
        for x in range(1, count + 1)
    ]


def seal(content: bytes, header: Mapping[str, Any], key: bytes, vector: bytes, encrypted_key: bytes = b"") -> str:
    """Encrypt by A256CBC-HS512 into a compact JWE."""
    protected = encode(json.dumps(header, separators=(",", ":")).encode())
    missing = 16 - len(content) % 16
    encryptor = Cipher(algorithms.AES(key[32:]), modes.CBC(vector)).encryptor()
    ciphertext = encryptor.update(content + bytes([missing]) * missing) + encryptor.finalize()
    signed = protected.encode() + vector + ciphertext + struct.pack(">Q", 8 * len(protected))
    tag = hmac.digest(key[:32], signed, "sha512")[:32]
    return ".".join([protected, *(encode(part) for part in (encrypted_key, vector, ciphertext, tag))])


def seal_to(certificate: Certificate, content: bytes, kid: str, stream: Stream, algorithm: str = "RSA-OAEP-256") -> str:
    """Encrypt to a certificate: under a drawn key, and that by RSA-OAEP."""
    key = stream.bytes(64)
    wrapped = _wrap(certificate, key, stream)
    return seal(content, {"alg": algorithm, "enc": ENCRYPTION, "kid": kid}, key, stream.bytes(16), wrapped)


def seal_part(content: bytes, tag: str, master_key: bytes, stream: Stream) -> dict[str, str]:
    header = {"alg": "dir", "enc": ENCRYPTION, "kid": tag}
    return {"compact_jwe": seal(content, header, derive_key(master_key, tag), stream.bytes(16)), "tag": tag}


def seal_share(certificate: Certificate, share: bytes, stream: Stream) -> dict[str, str]:
    kid = stream.bytes(16).hex()
    guid = "-".join((kid[:8], kid[8:12], kid[12:16], kid[16:20], kid[20:]))
    return {"enc_key": seal_to(certificate, share, guid, stream), "x5t_256": thumbprint(certificate)}


def seal_restore_blob(
    plaintexts: Mapping[str, bytes], master_key: bytes, certificate: Certificate, stream: Stream
) -> dict[str, Any]:
    data = [seal_part(content, tag, master_key, stream) for tag, content in plaintexts.items()]
    wrapped = {
        "enc_key": seal_to(certificate, master_key, "not used", stream),
        "x5t_256": thumbprint(certificate),
    }
    return {"EncData": {"data": data, "kdf": "sp108_kdf"}, "WrappedKey": wrapped}


def _wrap(certificate: Certificate, key: bytes, stream: Stream) -> bytes:
    """RSAES-OAEP with SHA-256, MGF1 with SHA-256 and an empty label."""
    public_key = certificate.public_key()
    assert isinstance(public_key, RSAPublicKey)
    numbers, size = public_key.public_numbers(), public_key.key_size // 8
    seed = stream.bytes(32)
    block = hashlib.sha256(b"").digest() + bytes(size - len(key) - 66) + b"\1" + key
    masked = _xor(block, _mask(seed, len(block)))
    masked_seed = _xor(seed, _mask(masked, len(seed)))
    return pow(int.from_bytes(masked_seed + masked), numbers.e, numbers.n).to_bytes(size)


def _mask(seed: bytes, count: int) -> bytes:
    blocks = (hashlib.sha256(seed + number.to_bytes(4)).digest() for number in range(-(-count // 32)))
    return b"".join(blocks)[:count]


def _xor(first: bytes, second: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(first, second, strict=True))
