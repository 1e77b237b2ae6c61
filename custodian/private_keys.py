"""Private keys: what they can do, and how they come out of a file."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from custodian.certificates import NamedCertificate, name_certificate
from custodian.errors import CustodianError
from custodian.files import read_file
from custodian.prompts import ask_pass_phrase

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.x509 import Certificate

_ATTEMPTS: Final = 3
_PEM_KEY: Final = re.compile(rb"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)


class PrivateKey(Protocol):
    """A private key, wherever it is."""

    @property
    def name(self) -> str:
        """How messages call it."""

    @property
    def certificates(self) -> Sequence[NamedCertificate]:
        """The certificates that came with it, perhaps none."""

    def unwrap(self, algorithm: str, ciphertext: bytes) -> bytes:
        """Decrypt by the JOSE algorithm RSA-OAEP or RSA-OAEP-256; raises ValueError where that fails."""


class KeyFile:
    """A private key that was read from a file."""

    def __init__(self, name: str, key: "RSAPrivateKey", certificates: Sequence[NamedCertificate]) -> None:
        self.name = name
        self.certificates = certificates
        self._key = key

    def unwrap(self, algorithm: str, ciphertext: bytes) -> bytes:
        """Decrypt; raises ValueError."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP

        hashed: hashes.HashAlgorithm = (
            hashes.SHA256() if algorithm == "RSA-OAEP-256" else hashes.SHA1()  # noqa: S303 - RFC 7518, 4.3
        )
        return self._key.decrypt(ciphertext, OAEP(MGF1(hashed), hashed, None))


def read_key_file(path: Path) -> KeyFile:
    """Read a PEM or PKCS#12 file, and ask for its pass phrase where it has one.

    Raises CustodianError: `file_unreadable`, `key_unreadable`, `key_not_opened`, `key_not_rsa`, `no_terminal`.
    """
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    content = read_file(path)
    key, certificates = _read_pem(path, content) if b"-----BEGIN" in content else _read_pkcs12(path, content)
    if not isinstance(key, RSAPrivateKey):
        raise CustodianError("key_not_rsa", f"{path} has no RSA key.")
    own = [certificate for certificate in certificates if _is_of(certificate, key)]
    return KeyFile(path.name, key, [name_certificate(certificate, path.name) for certificate in own])


def _is_of(certificate: "Certificate", key: "RSAPrivateKey") -> bool:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return certificate.public_key() == key.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return False


def _read_pem(path: Path, content: bytes) -> tuple[Any, "Sequence[Certificate]"]:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    found = _PEM_KEY.search(content)
    if not found:
        raise CustodianError("key_unreadable", f"{path} holds no private key.")
    block = found.group()
    try:
        certificates = x509.load_pem_x509_certificates(content)
    except (ValueError, x509.InvalidVersion):
        certificates = []
    try:
        return load_pem_private_key(block, None), certificates
    except TypeError:
        return _ask(path, lambda pass_phrase: load_pem_private_key(block, pass_phrase)), certificates
    except (ValueError, UnsupportedAlgorithm):
        raise _unreadable(path) from None


def _read_pkcs12(path: Path, content: bytes) -> tuple[Any, "Sequence[Certificate]"]:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization.pkcs12 import load_key_and_certificates

    # A DER sequence; anything else would look like a wrong pass phrase.
    if content[:1] != b"\x30":
        raise _unreadable(path)
    try:
        key, certificate, others = load_key_and_certificates(content, None)
    except UnsupportedAlgorithm:
        raise _unreadable(path) from None
    except ValueError:
        key, certificate, others = _ask(path, lambda pass_phrase: load_key_and_certificates(content, pass_phrase))
    return key, [*([certificate] if certificate else []), *others]


def _ask[Loaded](path: Path, load: Callable[[bytes], Loaded]) -> Loaded:
    from cryptography.exceptions import UnsupportedAlgorithm

    for _ in range(_ATTEMPTS):
        try:
            return load(ask_pass_phrase(f"Pass phrase of {path.name}: "))
        except ValueError:
            continue
        except UnsupportedAlgorithm:
            raise _unreadable(path) from None
    raise CustodianError("key_not_opened", f"{path} is not opened by this pass phrase, or it is damaged.")


def _unreadable(path: Path) -> CustodianError:
    return CustodianError("key_unreadable", f"{path} is neither a private key in PEM nor a PKCS#12 file.")
