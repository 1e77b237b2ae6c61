"""Opening a security domain: one custodian's share, and with a quorum of shares the HSM's secrets."""

from collections.abc import Callable, Sequence

from domain.security_domain.checks import WRAPPINGS
from domain.security_domain.document import SecurityDomain
from domain.security_domain.envelopes import KEY_BYTES, open_envelope, read_envelope
from domain.security_domain.errors import SecurityDomainError
from domain.security_domain.shares import Share, combine_shares, read_share

type Unwrap = Callable[[str, bytes], bytes]
"""Decrypts with a custodian's private key: takes the JOSE name of the algorithm and the ciphertext.

Raises ValueError where that fails.
"""


def open_share(domain: SecurityDomain, thumbprint: str, unwrap: Unwrap) -> Share:
    """Open the share of one certificate with its private key.

    Raises SecurityDomainError: `no_share_for_key`, `share_not_opened`, `share_damaged`, `share_malformed`.
    """
    try:
        envelope = read_envelope(domain.find_share(thumbprint).enc_key)
    except ValueError as error:
        raise SecurityDomainError("share_damaged", f"The share of {thumbprint} is damaged: {error}.") from None
    algorithm = envelope.header.get("alg")
    if algorithm not in WRAPPINGS:
        raise SecurityDomainError("share_damaged", f"The share of {thumbprint} is not wrapped by RSA-OAEP.")
    try:
        key = unwrap(algorithm, envelope.encrypted_key)
    except ValueError:
        raise SecurityDomainError(
            "share_not_opened", f"The private key does not open the share of {thumbprint}: key or share is another one."
        ) from None
    try:
        content = open_envelope(envelope, key)
    except ValueError as error:
        raise SecurityDomainError("share_damaged", f"The share of {thumbprint} is damaged: {error}.") from None
    return read_share(content)


def open_data(domain: SecurityDomain, shares: Sequence[Share]) -> dict[str, bytes]:
    """Decrypt the HSM's secrets, by their tags.

    Raises SecurityDomainError: `quorum_impossible`, `shares_too_few`, `shares_repeated`, `shares_contradict`,
    `part_damaged`.
    """
    master_key = combine_shares(shares, domain.shared_keys.required)
    return {
        datum.tag: open_part(datum.compact_jwe, datum.tag, derive_data_key(master_key, datum.tag))
        for datum in domain.enc_data.data
    }


def open_part(compact: str, tag: str, key: bytes) -> bytes:
    """Decrypt one part under the key of its tag; raises SecurityDomainError `part_damaged`."""
    try:
        envelope = read_envelope(compact)
        if envelope.header.get("alg") != "dir" or envelope.header.get("kid") != tag or envelope.encrypted_key:
            message = "its header is not that of a part with its tag"
            raise ValueError(message)
        return open_envelope(envelope, key)
    except ValueError as error:
        raise SecurityDomainError("part_damaged", f"The part {tag!r} is not opened by these shares: {error}.") from None


def derive_data_key(master_key: bytes, tag: str) -> bytes:
    """Derive the 64 bytes under which the part of this tag is encrypted.

    NIST SP 800-108 in counter mode with HMAC-SHA512, the tag as its label, no context (source: azure-cli,
    command_modules/keyvault/security_domain/sp800_108.py).
    """
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFHMAC, CounterLocation, Mode

    derivation = KBKDFHMAC(
        algorithm=hashes.SHA512(),
        mode=Mode.CounterMode,
        length=KEY_BYTES,
        rlen=4,
        llen=4,
        location=CounterLocation.BeforeFixed,
        label=tag.encode(),
        context=b"",
        fixed=None,
    )
    return derivation.derive(master_key)
