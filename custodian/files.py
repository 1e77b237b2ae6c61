"""Files: read with a bound, written once and for their owner alone."""

import hashlib
import os
from pathlib import Path
from typing import Final

from custodian.errors import CustodianError

# Far above any security domain, and small enough for any machine.
LARGEST: Final = 16_000_000
PRIVATE: Final = 0o600


def read_file(path: Path) -> bytes:
    """Read a file; raises CustodianError `file_unreadable`."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise CustodianError("file_unreadable", f"{path} cannot be read: {error.strerror}.") from None
    if len(content) > LARGEST:
        raise CustodianError("file_unreadable", f"{path} is larger than {LARGEST:,} bytes: this is another file.")
    return content


def require_new(*paths: Path) -> None:
    """Raise CustodianError `file_exists` where one of them is there already."""
    for path in paths:
        if os.path.lexists(path):
            raise _exists(path)


def write_new(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, from its first moment; raises CustodianError where that fails.

    Windows ignores the mode: there the folder's permissions decide.
    """
    try:
        # O_BINARY is Windows' own: without it, line ends are changed there.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), PRIVATE)
    except FileExistsError:
        raise _exists(path) from None
    except OSError as error:
        raise _not_written(path, error) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise _not_written(path, error) from None


def sha256_of(content: bytes) -> str:
    """Give the hexadecimal SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()


def read_sha256(text: str, option: str) -> str:
    """Read a SHA-256 as people write it: hexadecimal, with or without colons and spaces, in any case."""
    plain = "".join(char for char in text if char not in ": ").lower()
    if len(plain) != hashlib.sha256().digest_size * 2 or not set(plain) <= set("0123456789abcdef"):
        raise CustodianError("not_a_sha256", f"{option} takes a SHA-256: 64 hexadecimal digits, colons or not.")
    return plain


def group_sha256(sha256: str) -> list[str]:
    """Cut a SHA-256 into eight groups, as it is read aloud."""
    return [sha256[start : start + 8] for start in range(0, len(sha256), 8)]


def _exists(path: Path) -> CustodianError:
    return CustodianError("file_exists", f"{path} is there already, and nothing is ever overwritten: name another one.")


def _not_written(path: Path, error: OSError) -> CustodianError:
    return CustodianError("file_not_written", f"{path} cannot be written: {error.strerror}.")
