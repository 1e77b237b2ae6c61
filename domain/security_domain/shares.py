"""Shares of the master key: Shamir's scheme over GF(257), one polynomial for each of the key's bytes.

A share is 32 little-endian words: the holder's number, 1 to 126, in the upper seven bits, and the polynomial's value
there, 0 to 256, in the lower nine (source: azure-cli, command_modules/keyvault/security_domain/byte_shares.py).
"""

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from domain.security_domain.errors import SecurityDomainError

FIELD: Final = 257
MASTER_KEY_BYTES: Final = 32
LARGEST_HOLDER: Final = 126
SMALLEST_QUORUM: Final = 2
_FORM: Final = f"<{MASTER_KEY_BYTES}H"
SHARE_BYTES: Final = struct.calcsize(_FORM)


class Share(NamedTuple):
    """One custodian's share: the holder's number, and for each byte of the key the polynomial's value there."""

    holder: int
    values: tuple[int, ...]

    def __repr__(self) -> str:
        """Show whose it is and nothing of it."""
        return f"Share(holder={self.holder})"


def read_share(content: bytes) -> Share:
    """Read a share; raises SecurityDomainError `share_malformed`."""
    if len(content) != SHARE_BYTES:
        raise _malformed(f"it has {len(content)} bytes, not {SHARE_BYTES}")
    words = struct.unpack(_FORM, content)
    holders = {word >> 9 for word in words}
    values = tuple(word & 0x1FF for word in words)
    if len(holders) != 1 or not 1 <= min(holders) <= LARGEST_HOLDER:
        raise _malformed("it does not name one holder throughout")
    if max(values) >= FIELD:
        raise _malformed("it holds a value outside the field")
    return Share(holders.pop(), values)


def write_share(share: Share) -> bytes:
    """Write a share as it is in the security domain."""
    return struct.pack(_FORM, *((share.holder << 9) | value for value in share.values))


def combine_shares(shares: Sequence[Share], quorum: int) -> bytes:
    """Compute the master key from a quorum of shares; more than that are held against each other.

    Raises SecurityDomainError: `quorum_impossible`, `shares_too_few`, `shares_repeated`, `shares_contradict`.
    """
    if quorum < SMALLEST_QUORUM:
        # Of one share the key would be the share itself, of none a known one.
        raise SecurityDomainError("quorum_impossible", "A quorum of fewer than 2 shares protects nothing.")
    holders = [share.holder for share in shares]
    if len(set(holders)) < len(holders):
        raise SecurityDomainError("shares_repeated", "Two of the shares are of the same holder.")
    if len(shares) < quorum:
        raise SecurityDomainError("shares_too_few", f"{len(shares)} shares are here, and {quorum} are needed.")
    secret = _values_at(0, shares[:quorum])
    contradicts = any(_values_at(share.holder, shares[:quorum]) != share.values for share in shares[quorum:])
    if contradicts or max(secret) > 0xFF:
        raise SecurityDomainError("shares_contradict", "The shares are not all of one master key.")
    return bytes(secret)


def _values_at(x: int, shares: Sequence[Share]) -> tuple[int, ...]:
    """Give the value at `x` of each byte's polynomial through these shares (Lagrange)."""
    weights = [_weight(x, share.holder, shares) for share in shares]
    return tuple(
        sum(weight * share.values[index] for weight, share in zip(weights, shares, strict=True)) % FIELD
        for index in range(MASTER_KEY_BYTES)
    )


def _weight(x: int, holder: int, shares: Sequence[Share]) -> int:
    numerator = denominator = 1
    for share in shares:
        if share.holder != holder:
            numerator = numerator * (x - share.holder) % FIELD
            denominator = denominator * (holder - share.holder) % FIELD
    return numerator * pow(denominator, -1, FIELD) % FIELD


def _malformed(why: str) -> SecurityDomainError:
    return SecurityDomainError("share_malformed", f"What was decrypted is no share: {why}.")
