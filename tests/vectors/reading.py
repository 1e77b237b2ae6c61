"""Reads the test vectors as anybody would who has nothing but the files."""

import functools
import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from domain.security_domain.checks import Pinned, PinnedCertificate
from domain.security_domain.opening import Unwrap
from domain.wrapping_keys import WrappingCertificate, read_pem
from tests.security_domain_opener import decode
from tests.vectors.generate import FOLDER


def read(path: str) -> str:
    return (FOLDER / path).read_text()


def read_json(path: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(read(path))
    return document


@functools.cache
def read_key(path: str) -> RSAPrivateKey:
    key = load_pem_private_key((FOLDER / path).read_bytes(), None)
    assert isinstance(key, RSAPrivateKey)
    return key


def read_certificate(path: str) -> WrappingCertificate:
    certificate = read_pem(read(path))
    assert isinstance(certificate, WrappingCertificate)
    return certificate


def read_keys(expected: dict[str, Any]) -> dict[str, RSAPrivateKey]:
    """Read the private keys of a case by the thumbprints of their certificates."""
    return {share["x5t_256"]: read_key(share["key"]) for share in expected["shares"]}


def read_pinned(expected: dict[str, Any], sha256: str | None = None) -> Pinned:
    certificates = [read_certificate(share["key"].replace(".pem", ".cer")) for share in expected["shares"]]
    pinned = [PinnedCertificate(each.thumbprint, each.der, each.modulus_bytes) for each in certificates]
    return Pinned(sha256, expected["quorum"], pinned)


def unwrap_with(key: RSAPrivateKey) -> Unwrap:
    """Decrypt as a custodian does; what was decrypted before is remembered, so that thousands of times take no time."""

    @functools.cache
    def unwrap(algorithm: str, ciphertext: bytes) -> bytes:
        digest = hashes.SHA256() if algorithm == "RSA-OAEP-256" else hashes.SHA1()
        return key.decrypt(ciphertext, OAEP(MGF1(digest), digest, None))

    return unwrap


def form(value: Any) -> Any:
    """Give names, order, lengths and headers of a document, and nothing of what is encrypted."""
    if isinstance(value, dict):
        return [(name, form(item)) for name, item in value.items()]
    if isinstance(value, list):
        return [form(item) for item in value]
    if isinstance(value, str) and value.count(".") == 4:
        first, *others = value.split(".")
        return decode(first), [len(part) for part in others]
    return value
