"""Makes a security domain exactly as an HSM does.

The master key is shared over GF(257), each share encrypted to one certificate, and the data under keys derived from
the master key (SP800-108, counter mode). Source: azure-cli, command_modules/keyvault/security_domain, which reads it.
"""

import base64
import hashlib
import json
import secrets
import struct
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFHMAC, CounterLocation, Mode
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import Certificate
from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK

FIELD: Final = 257
MASTER_KEY_BYTES: Final = 32
ENCRYPTION: Final = "A256CBC-HS512"
# What an HSM's domain holds; real ones are of several kilobytes, too.
PARTS: Final = {"hsm_backup": 2048, "base_enclave_backup": 512, "partition_enclave_backup": 512}
_LAST: Final = list(PARTS)[-1]
_DIGEST_BYTES: Final = 32


def new_domain() -> dict[str, bytes]:
    """Make the secrets of a new HSM; the last part ends with a digest of all else.

    By it any HSM knows what another one made, also when that one is gone, or lived in another local Azure.
    """
    domain = {tag: secrets.token_bytes(size) for tag, size in PARTS.items()}
    domain[_LAST] = domain[_LAST][:-_DIGEST_BYTES]
    domain[_LAST] += _digest(domain)
    return domain


def is_domain(domain: Mapping[str, bytes]) -> bool:
    """Say whether these are the secrets of an HSM, whole and unchanged."""
    if {tag: len(content) for tag, content in domain.items()} != PARTS:
        return False
    content = {**domain, _LAST: domain[_LAST][:-_DIGEST_BYTES]}
    return secrets.compare_digest(domain[_LAST][-_DIGEST_BYTES:], _digest(content))


def _digest(domain: Mapping[str, bytes]) -> bytes:
    return hashlib.sha256(b"".join(domain[tag] for tag in PARTS)).digest()


def make_security_domain(data: Mapping[str, bytes], certificates: Sequence[Certificate], quorum: int) -> str:
    """Encrypt the data under a new master key, and share that key among the certificates."""
    master_key = secrets.token_bytes(MASTER_KEY_BYTES)
    shares = split(master_key, len(certificates), quorum)
    domain = {
        "EncData": {
            "data": [{"compact_jwe": _encrypt_datum(master_key, tag, text), "tag": tag} for tag, text in data.items()],
            "kdf": "sp108_kdf",
        },
        "SharedKeys": {
            "enc_shares": [
                {"enc_key": _encrypt_share(certificate, share), "x5t_256": thumbprint(certificate)}
                for certificate, share in zip(certificates, shares, strict=True)
            ],
            "key_algorithm": "shamir_share",
            "required": quorum,
        },
        "version": 2,
    }
    return json.dumps(domain)


def split(
    secret: bytes,
    count: int,
    quorum: int,
    random_coefficient: Callable[[int], int] = lambda _: secrets.randbelow(FIELD),
) -> list[bytes]:
    """Split a secret: each byte is a polynomial's constant term, each share its value at the holder's number.

    A share is one little-endian word for each byte: the holder's number in the upper seven bits, the value, which is 0
    to 256, in the lower nine. `random_coefficient` gets the index of the byte.
    """
    polynomials = [[byte, *(random_coefficient(index) for _ in range(quorum - 1))] for index, byte in enumerate(secret)]
    return [
        struct.pack(f"<{len(secret)}H", *((x << 9) | _evaluate(polynomial, x) for polynomial in polynomials))
        for x in range(1, count + 1)
    ]


def derive_key(master_key: bytes, tag: str) -> bytes:
    """Derive the 64 bytes under which the datum of this tag is encrypted."""
    kdf = KBKDFHMAC(
        algorithm=hashes.SHA512(),
        mode=Mode.CounterMode,
        length=64,
        rlen=4,
        llen=4,
        location=CounterLocation.BeforeFixed,
        label=tag.encode(),
        context=b"",
        fixed=None,
    )
    return kdf.derive(master_key)


def thumbprint(certificate: Certificate) -> str:
    """Give `x5t_256`: base64url without padding of the SHA-256 of the certificate's DER form."""
    digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _evaluate(polynomial: Sequence[int], x: int) -> int:
    value = 0
    for coefficient in reversed(polynomial):
        value = (value * x + coefficient) % FIELD
    return value


def _encrypt_datum(master_key: bytes, tag: str, text: bytes) -> str:
    key = base64.urlsafe_b64encode(derive_key(master_key, tag)).rstrip(b"=").decode()
    header = {"alg": "dir", "enc": ENCRYPTION, "kid": tag}
    token = JWE(text, json.dumps(header))
    token.add_recipient(JWK(kty="oct", k=key))
    return str(token.serialize(compact=True))


def _encrypt_share(certificate: Certificate, share: bytes) -> str:
    public_key = certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": "RSA-OAEP-256", "enc": ENCRYPTION, "kid": str(uuid.uuid4())}
    token = JWE(share, json.dumps(header))
    token.add_recipient(JWK.from_pem(public_key))
    return str(token.serialize(compact=True))
