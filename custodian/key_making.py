"""`new-key` and `prepare-opening`: key pairs, made where they stay."""

from argparse import Namespace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from custodian.certificates import NamedCertificate, make_certificate, name_certificate
from custodian.errors import CustodianError
from custodian.files import group_sha256, require_new, write_new
from custodian.prompts import ask_new_pass_phrase
from custodian.results import Result, make_pairs

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.x509 import Certificate

SIZES: Final = (2048, 3072, 4096)
_PUBLIC_EXPONENT: Final = 65537
_LIFE_OF_KEY: Final = timedelta(days=3652)
_LIFE_OF_OPENING: Final = timedelta(days=7)
_LONGEST_NAME: Final = 64

_AFTER_NEW_KEY: Final = """
Hand over: {certificate}, and by a second way (aloud, on paper) its SHA-256.
Lock away: {key} and its pass phrase, each in two places, never both in one.

{key} is the only one of its kind. There is no second way to your share:
- If {key} or its pass phrase is lost, nobody opens your share ever again. When fewer custodians
  than the quorum are left, the HSM cannot be restored, and every key in it is lost with it.
- If somebody else has both, your share is theirs.
Say so at once in both cases, while the HSM runs: its security domain can then be made anew for other keys.
"""
_AFTER_PREPARE_OPENING: Final = """
Hand over: {certificate} to each custodian, and read its fingerprint aloud to them.
Keep here: {key}, which opens every share that is sent to this machine.

If {key} or its pass phrase is lost before the end, the custodians only have to send their shares again.
If somebody else has both, and the envelopes: they have the shares. When all is done, destroy {key} and the envelopes.
"""


class _KeyPair(NamedTuple):
    certificate: NamedCertificate
    key_file: Path
    certificate_file: Path
    valid_until: datetime


def make_new_key(arguments: Namespace) -> Result:
    """Make a custodian's wrapping key."""
    pair = _make_pair(arguments.file, arguments.name, arguments.bits, _LIFE_OF_KEY)
    lines = [
        *make_pairs(
            [
                ("private key", f"{pair.key_file}  RSA {arguments.bits}, made now"),
                ("certificate", f"{pair.certificate_file}  {pair.certificate.subject}"),
                ("SHA-256", " ".join(group_sha256(pair.certificate.sha256))),
                ("thumbprint", pair.certificate.thumbprint),
                ("valid until", f"{pair.valid_until:%Y-%m-%d}; the key opens its share after that, too"),
            ]
        ),
        *_AFTER_NEW_KEY.format(key=pair.key_file.name, certificate=pair.certificate_file.name).splitlines(),
    ]
    return Result(lines, _describe(pair))


def prepare_opening(arguments: Namespace) -> Result:
    """Make the one-time key of a machine on which a security domain will be opened."""
    name = f"One-time key of an opening on {datetime.now(UTC):%Y-%m-%d}"
    pair = _make_pair(arguments.file, name, max(SIZES), _LIFE_OF_OPENING)
    lines = [
        *make_pairs(
            [
                ("one-time key", str(pair.key_file)),
                ("certificate", str(pair.certificate_file)),
                ("fingerprint", " ".join(group_sha256(pair.certificate.sha256))),
            ]
        ),
        *_AFTER_PREPARE_OPENING.format(key=pair.key_file.name, certificate=pair.certificate_file.name).splitlines(),
    ]
    return Result(lines, _describe(pair))


def _make_pair(key_file: Path, name: str, bits: int, life: timedelta) -> _KeyPair:
    """Make a key pair, write both files, and read back what was written; raises CustodianError."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding

    if key_file.suffix.lower() not in {".p12", ".pfx"}:
        raise CustodianError("file_name_not_p12", f"{key_file} is to be a PKCS#12 file: name it {key_file.stem}.p12.")
    if not 0 < len(name) <= _LONGEST_NAME:
        raise CustodianError("name_too_long", f"A certificate's name has 1 to {_LONGEST_NAME} characters.")
    certificate_file = key_file.with_suffix(".pem")
    require_new(key_file, certificate_file)
    pass_phrase = ask_new_pass_phrase(key_file.name)
    key = rsa.generate_private_key(_PUBLIC_EXPONENT, bits)
    certificate = make_certificate(key, name, life)
    sealed = _seal(key, certificate, pass_phrase)
    write_new(key_file, sealed)
    _check_written(key_file, key, pass_phrase)
    write_new(certificate_file, certificate.public_bytes(Encoding.PEM))
    named = name_certificate(certificate, certificate_file.name)
    return _KeyPair(named, key_file, certificate_file, certificate.not_valid_after_utc)


def _seal(key: "RSAPrivateKey", certificate: "Certificate", pass_phrase: bytes) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

    encryption = (
        PrivateFormat.PKCS12.encryption_builder()
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(hashes.SHA256())
        .build(pass_phrase)
    )
    return pkcs12.serialize_key_and_certificates(None, key, certificate, None, encryption)


def _check_written(path: Path, key: "RSAPrivateKey", pass_phrase: bytes) -> None:
    """Raise CustodianError `file_not_written` where the file does not hold this key."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import pkcs12

    try:
        written, _, _ = pkcs12.load_key_and_certificates(path.read_bytes(), pass_phrase)
    except (OSError, ValueError):
        written = None
    if not isinstance(written, RSAPrivateKey) or written.private_numbers() != key.private_numbers():
        raise CustodianError("file_not_written", f"{path} was written, and does not hold the key: do not use it.")


def _describe(pair: _KeyPair) -> dict[str, object]:
    return {
        "privateKey": str(pair.key_file),
        "certificate": str(pair.certificate_file),
        "subject": pair.certificate.subject,
        "sha256": pair.certificate.sha256,
        "thumbprint": pair.certificate.thumbprint,
        "validUntil": f"{pair.valid_until:%Y-%m-%dT%H:%M:%SZ}",
    }
