"""All randomness of the test vectors, from one seed: bytes, numbers, RSA keys and their certificates.

Anybody who reads these lines has every key that they make: they are for tests alone.
"""

import hashlib
import hmac
import itertools
import math
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPrivateNumbers,
    RSAPublicNumbers,
    rsa_crt_dmp1,
    rsa_crt_dmq1,
    rsa_crt_iqmp,
)

SEED: Final = b"hsm-provisioner test vectors 1"
EXPONENT: Final = 65537
_FIELD: Final = 257
_BEGINS: Final = datetime(2026, 1, 1, tzinfo=UTC)
_ENDS: Final = datetime(2126, 1, 1, tzinfo=UTC)
_SIEVE: Final = [
    number for number in range(3, 10_000, 2) if all(number % n for n in range(3, math.isqrt(number) + 1, 2))
]
_WITNESSES: Final = (2, *_SIEVE[:15])


class Stream:
    """The bytes of a label: HMAC-SHA256 of the label and a counter of 8 bytes from 0, under the seed."""

    def __init__(self, label: str) -> None:
        self._label = label.encode()
        self._counter = 0
        self._left = b""

    def bytes(self, count: int) -> bytes:
        while len(self._left) < count:
            self._left += hmac.digest(SEED, self._label + self._counter.to_bytes(8), "sha256")
            self._counter += 1
        taken, self._left = self._left[:count], self._left[count:]
        return taken

    def coefficient(self) -> int:
        """Draw 0 to 256, each as likely: 16 bits at a time, until they are below 255 * 257."""
        while (drawn := int.from_bytes(self.bytes(2))) >= 255 * _FIELD:
            pass
        return drawn % _FIELD


def make_key(name: str, bits: int) -> RSAPrivateKey:
    """Make the RSA key of a name: two primes, each the first after a drawn number whose two upper bits are set."""
    stream = Stream(f"rsa {name}")
    p, q = (_next_prime(int.from_bytes(stream.bytes(bits // 16)) | 3 << (bits // 2 - 2) | 1) for _ in range(2))
    d = pow(EXPONENT, -1, math.lcm(p - 1, q - 1))
    public = RSAPublicNumbers(EXPONENT, p * q)
    return RSAPrivateNumbers(p, q, d, rsa_crt_dmp1(d, p), rsa_crt_dmq1(d, q), rsa_crt_iqmp(p, q), public).private_key()


def make_certificate(name: str, key: RSAPrivateKey) -> x509.Certificate:
    """Make a self-signed certificate; PKCS#1 v1.5 signs the same bytes alike each time."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"TEST ONLY {name}")])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(hashlib.sha256(name.encode()).digest()[:15]))
        .not_valid_before(_BEGINS)
        .not_valid_after(_ENDS)
        .sign(key, hashes.SHA256())
    )


def _next_prime(start: int) -> int:
    remainders = [start % prime for prime in _SIEVE]
    for step in itertools.count(0, 2):
        divisible = any((left + step) % prime == 0 for left, prime in zip(remainders, _SIEVE, strict=True))
        if not divisible and _is_prime(start + step) and math.gcd(start + step - 1, EXPONENT) == 1:
            return start + step
    raise AssertionError


def _is_prime(number: int) -> bool:
    """Miller-Rabin; that the numbers are drawn and not chosen makes few witnesses enough."""
    twos = ((number - 1) & -(number - 1)).bit_length() - 1
    return all(_witnesses(number, witness, twos) for witness in _WITNESSES)


def _witnesses(number: int, witness: int, twos: int) -> bool:
    power = pow(witness, (number - 1) >> twos, number)
    if power == 1:
        return True
    for _ in range(twos):
        if power == number - 1:
            return True
        power = power * power % number
    return False
