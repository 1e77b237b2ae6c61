"""Writes the test vectors anew, the same bytes each time: `python -m tests.vectors.generate`.

README.md says what each file is for.
"""

import base64
import functools
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import Certificate

from tests.security_domain_opener import derive_key, thumbprint
from tests.vectors.broken import make_broken
from tests.vectors.sealing import encode, seal, seal_part, seal_restore_blob, seal_share, split
from tests.vectors.seeded import Stream, make_certificate, make_key

FOLDER: Final = Path(__file__).parent
TAGS: Final = ("hsm_backup", "base_enclave_backup", "partition_enclave_backup")
MARK: Final = "TEST KEY. Everybody knows it: use it for tests of security domains, and for nothing else.\n"


class Pair(NamedTuple):
    """A test key and its certificate."""

    name: str
    key: RSAPrivateKey
    certificate: Certificate


class Case(NamedTuple):
    """A security domain to be: its folder, its quorum, whose it is and how long its parts are.

    With no lengths the parts are of the lengths and with the digest by which the local Azure knows an HSM's.
    """

    folder: str
    quorum: int
    custodians: Sequence[str]
    lengths: Sequence[int] | None = None


CUSTODIANS: Final = [f"custodian-{number:02}" for number in range(1, 11)]
# Each name and what is drawn for it: a draw of which the primes are found soon.
KEYS: Final = {
    **dict.fromkeys(CUSTODIANS, (2048, 1)),
    "custodian-3072": (3072, 1),
    "custodian-4096": (4096, 8),
    "transfer": (4096, 1),
}
CASES: Final = (
    Case("three-of-quorum-two", 2, CUSTODIANS[:3]),
    Case("five-of-quorum-three", 3, CUSTODIANS[3:8], (1, 16, 3000)),
    Case("ten-of-quorum-ten", 10, CUSTODIANS, (15, 0, 31)),
    Case("mixed-sizes", 2, ("custodian-4096", "custodian-01", "custodian-3072"), (100, 200, 300)),
)


@functools.cache
def make_pair(name: str) -> Pair:
    bits, draw = KEYS[name]
    key = make_key(f"{name} {draw}", bits)
    return Pair(name, key, make_certificate(name, key))


def make_files() -> dict[str, str]:
    """Make every file, by its path in this folder."""
    files = {"transfer-key.json": describe(make_pair("transfer")), "known-answer.json": _tell(make_known_answer())}
    for name in KEYS:
        pair = make_pair(name)
        private = pair.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        files[f"keys/{name}.pem"] = MARK + private
        files[f"keys/{name}.cer"] = pair.certificate.public_bytes(Encoding.PEM).decode()
    for case in CASES:
        domain, blob, expected = make_case(case)
        files[f"{case.folder}/security-domain.json"] = domain
        files[f"{case.folder}/restore-blob.json"] = blob
        files[f"{case.folder}/expected.json"] = _tell(expected)
    files["version-1/security-domain.json"] = json.dumps(make_version_1())
    first = CASES[0]
    broken = make_broken(
        json.loads(files[f"{first.folder}/security-domain.json"]),
        json.loads(files[f"{first.folder}/expected.json"]),
        [make_pair(name).certificate for name in first.custodians],
    )
    files |= {f"broken/{name}.json": text for name, (text, _) in broken.items()}
    files["broken/findings.json"] = _tell({name: finding for name, (_, finding) in broken.items()})
    return files


def make_case(case: Case) -> tuple[str, str, dict[str, Any]]:
    """Make a security domain, its restore blob, and all that is to be found in them."""
    stream = Stream(case.folder)
    pairs = [make_pair(name) for name in case.custodians]
    master_key, new_master_key = stream.bytes(32), stream.bytes(32)
    plaintexts = dict(zip(TAGS, _draw_plaintexts(case, stream), strict=True))
    coefficients = [[stream.coefficient() for _ in range(case.quorum - 1)] for _ in master_key]
    shares = split(master_key, coefficients, len(pairs))
    domain = {
        "EncData": {
            "data": [seal_part(content, tag, master_key, stream) for tag, content in plaintexts.items()],
            "kdf": "sp108_kdf",
        },
        "SharedKeys": {
            "enc_shares": [
                seal_share(pair.certificate, share, stream) for pair, share in zip(pairs, shares, strict=True)
            ],
            "key_algorithm": "shamir_share",
            "required": case.quorum,
        },
        "version": 2,
    }
    text = json.dumps(domain)
    blob = seal_restore_blob(plaintexts, new_master_key, make_pair("transfer").certificate, stream)
    expected = {
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "quorum": case.quorum,
        "master_key": master_key.hex(),
        "coefficients": [" ".join(map(str, row)) for row in coefficients],
        "derived_keys": {tag: derive_key(master_key, tag).hex() for tag in TAGS},
        "shares": [
            {"key": f"keys/{pair.name}.pem", "x5t_256": thumbprint(pair.certificate), "share": share.hex()}
            for pair, share in zip(pairs, shares, strict=True)
        ],
        "plaintexts": {tag: content.hex() for tag, content in plaintexts.items()},
        "restore_master_key": new_master_key.hex(),
    }
    return text, json.dumps(blob), expected


def make_known_answer() -> dict[str, Any]:
    """Make the answers to numbers that are easy to type: master key 00 to 1f, coefficient of byte i is 7 * i + 3."""
    master_key, vector = bytes(range(32)), bytes(range(16, 32))
    header = {"alg": "dir", "enc": "A256CBC-HS512", "kid": "hsm_backup"}
    content = b"simulated hsm backup"
    return {
        "quorum": 2,
        "master_key": master_key.hex(),
        "coefficients": [str(7 * index + 3) for index in range(32)],
        "derived_keys": {tag: derive_key(master_key, tag).hex() for tag in TAGS},
        "shares": [share.hex() for share in split(master_key, [[7 * index + 3] for index in range(32)], 3)],
        "datum": {
            "tag": "hsm_backup",
            "plaintext": content.decode(),
            "initialization_vector": vector.hex(),
            "compact_jwe": seal(content, header, derive_key(master_key, "hsm_backup"), vector),
        },
    }


def make_version_1() -> dict[str, Any]:
    """Make what has the form of version 1: two halves of a key by XOR, here of drawn bytes."""
    stream = Stream("version-1")
    pairs = [make_pair(name) for name in CUSTODIANS[:3]]
    halves = [seal_share(pair.certificate, stream.bytes(32), stream) for pair in pairs]
    data = [seal_part(stream.bytes(64), tag, stream.bytes(32), stream) for tag in TAGS]
    keys = [{"key1": first, "key2": second} for first in halves for second in halves if first is not second]
    return {
        "EncData": {"data": data, "kdf": "sp108_kdf"},
        "SplitKeys": {"key_algorithm": "xor_split", "keys": keys},
        "version": 1,
    }


def describe(pair: Pair) -> str:
    """Write a transfer key as an HSM gives it."""
    numbers, der = pair.key.public_key().public_numbers(), pair.certificate.public_bytes(Encoding.DER)
    return json.dumps(
        {
            "e": encode(numbers.e.to_bytes(3)),
            "key_ops": ["wrapKey", "verify", "encrypt"],
            "kid": "not used",
            "kty": "RSA",
            "n": encode(numbers.n.to_bytes(pair.key.key_size // 8)),
            "x5c": [base64.b64encode(der).decode()],
            "x5t": encode(hashlib.sha1(der, usedforsecurity=False).digest()),
            "x5t#S256": thumbprint(pair.certificate),
        }
    )


def _draw_plaintexts(case: Case, stream: Stream) -> list[bytes]:
    if case.lengths is not None:
        return [stream.bytes(length) for length in case.lengths]
    parts = [stream.bytes(length) for length in (2048, 512, 512 - 32)]
    return [*parts[:2], parts[2] + hashlib.sha256(b"".join(parts)).digest()]


def _tell(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1) + "\n"


def write() -> None:
    for path, text in make_files().items():
        target = FOLDER / path
        target.parent.mkdir(exist_ok=True)
        target.write_text(text)


if __name__ == "__main__":
    write()
