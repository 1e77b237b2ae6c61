"""Encrypts an opened security domain for another HSM, as `az keyvault security-domain restore-blob` does.

Written from the published format, on cryptography's primitives alone; shares no code with the local Azure.
"""

import base64
import hashlib
import hmac
import json
import secrets
import struct
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.x509 import Certificate, load_der_x509_certificate

from tests.security_domain_opener import decode, derive_key, thumbprint


def read_certificate(transfer_key: str) -> Certificate:
    """Read the certificate of a transfer key, which is a JSON text."""
    return load_der_x509_certificate(base64.b64decode(json.loads(transfer_key)["x5c"][0], validate=True))


def make_restore_blob(data: Mapping[str, bytes], transfer_key: str, **changes: Any) -> str:
    """Encrypt the data to a transfer key; `changes` make it wrong in some way."""
    certificate = changes.get("certificate") or read_certificate(transfer_key)
    master_key = secrets.token_bytes(changes.get("key_bytes", 32))
    kids = changes.get("kids", {})
    parts = [
        {"compact_jwe": _encrypt(text, derive_key(master_key, tag), "dir", kids.get(tag, tag)), "tag": tag}
        for tag, text in data.items()
    ]
    content_key = secrets.token_bytes(64)
    public_key = certificate.public_key()
    assert isinstance(public_key, RSAPublicKey)
    wrapped = public_key.encrypt(content_key, OAEP(mgf=MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None))
    blob = {
        "EncData": {"data": parts, "kdf": changes.get("kdf", "sp108_kdf")},
        "WrappedKey": {
            "enc_key": _encrypt(master_key, content_key, "RSA-OAEP-256", "not used", wrapped),
            "x5t_256": changes.get("x5t_256") or thumbprint(certificate),
        },
    }
    return json.dumps(blob)


def _encrypt(text: bytes, key: bytes, algorithm: str, kid: str, encrypted_key: bytes = b"") -> str:
    """A256CBC-HS512 in compact form (RFC 7516, 7.1; RFC 7518, 5.2.5)."""
    header = _encode(json.dumps({"alg": algorithm, "enc": "A256CBC-HS512", "kid": kid}).encode())
    vector = secrets.token_bytes(16)
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(key[32:]), modes.CBC(vector)).encryptor()
    content = encryptor.update(padder.update(text) + padder.finalize()) + encryptor.finalize()
    signed = header.encode() + vector + content + struct.pack(">Q", 8 * len(header))
    tag = hmac.new(key[:32], signed, hashlib.sha512).digest()[:32]
    return ".".join([header, *(_encode(part) for part in (encrypted_key, vector, content, tag))])


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def damage(blob: str, part: int) -> str:
    """Change one bit of a part of the first datum's compact form."""
    document = json.loads(blob)
    pieces = document["EncData"]["data"][0]["compact_jwe"].split(".")
    content = decode(pieces[part])
    pieces[part] = _encode(content[:-1] + bytes([content[-1] ^ 1]))
    document["EncData"]["data"][0]["compact_jwe"] = ".".join(pieces)
    return json.dumps(document)
