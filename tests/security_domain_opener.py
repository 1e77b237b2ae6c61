"""Opens a security domain with private keys: the published format read anew, on cryptography's primitives alone.

Shares no code with the app nor with the local Azure, which writes the format with a JOSE library. Sources: azure-cli,
command_modules/keyvault/security_domain (shares over GF(257), SP800-108, x5t_256); RFC 7516 and RFC 7518, 5.2.5.
"""

import base64
import hashlib
import hmac
import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate

FIELD = 257


class NotEnoughShares(Exception):  # noqa: N818 - it says what happened
    """Fewer shares than the quorum could be opened."""


def open_security_domain(content: bytes, keys: Mapping[str, RSAPrivateKey]) -> dict[str, bytes]:
    """Give the plaintexts by their tags; `keys` are private keys by the thumbprint of their certificate."""
    document = json.loads(content)
    shared = document["SharedKeys"]
    shares = [
        open_share(item["enc_key"], keys[item["x5t_256"]]) for item in shared["enc_shares"] if item["x5t_256"] in keys
    ]
    if len(shares) < shared["required"]:
        raise NotEnoughShares
    master_key = combine_shares(shares[: shared["required"]])
    return {
        item["tag"]: decrypt(item["compact_jwe"], derive_key(master_key, item["tag"]))
        for item in document["EncData"]["data"]
    }


def open_share(compact: str, key: RSAPrivateKey) -> bytes:
    encrypted_key = decode(compact.split(".")[1])
    oaep = OAEP(mgf=MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
    return decrypt(compact, key.decrypt(encrypted_key, oaep))


def combine_shares(shares: Sequence[bytes]) -> bytes:
    words = [struct.unpack("<32H", share) for share in shares]
    points = [(row[0] >> 9, [word & 0x1FF for word in row]) for row in words]
    return bytes(interpolate([(x, values[index]) for x, values in points]) % 256 for index in range(32))


def interpolate(points: Sequence[tuple[int, int]]) -> int:
    total = 0
    for x, y in points:
        numerator = denominator = 1
        for other, _ in points:
            if other != x:
                numerator = numerator * -other % FIELD
                denominator = denominator * (x - other) % FIELD
        total = (total + y * numerator * pow(denominator, -1, FIELD)) % FIELD
    return total


def derive_key(master_key: bytes, tag: str) -> bytes:
    """SP800-108 in counter mode with HMAC-SHA512: one block of 512 bits."""
    return hmac.digest(master_key, struct.pack(">I", 1) + tag.encode() + b"\0" + struct.pack(">I", 512), "sha512")


def decrypt(compact: str, key: bytes) -> bytes:
    """A256CBC-HS512: the first half of the key authenticates, the second decrypts."""
    header, _, vector, ciphertext, tag = compact.split(".")
    parts: Any = header.encode()
    signed = parts + decode(vector) + decode(ciphertext) + struct.pack(">Q", 8 * len(parts))
    if not hmac.compare_digest(hmac.new(key[:32], signed, hashlib.sha512).digest()[:32], decode(tag)):
        message = "the authentication tag is wrong"
        raise ValueError(message)
    decryptor = Cipher(algorithms.AES(key[32:]), modes.CBC(decode(vector))).decryptor()
    unpadder = padding.PKCS7(128).unpadder()
    return unpadder.update(decryptor.update(decode(ciphertext)) + decryptor.finalize()) + unpadder.finalize()


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def thumbprint(certificate: Certificate) -> str:
    digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
