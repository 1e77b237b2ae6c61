"""What is asked of the person at the terminal; pass phrases come from there and from nowhere else."""

import getpass
import sys
import warnings
from typing import Final

from custodian.errors import CustodianError

# Length is what protects a PKCS#12 file: its MAC, which cryptography makes by 2,048 rounds, lets anyone guess quickly.
SHORTEST: Final = 20
_ATTEMPTS: Final = 3


def ask_pass_phrase(prompt: str) -> bytes:
    """Ask without showing what is typed; raises CustodianError `no_terminal`."""
    try:
        with warnings.catch_warnings():
            # Where there is no terminal, getpass would read from anywhere, and show it.
            warnings.simplefilter("error", getpass.GetPassWarning)
            return getpass.getpass(prompt).encode(errors="surrogateescape")
    except (EOFError, getpass.GetPassWarning):
        raise CustodianError("no_terminal", "A pass phrase is typed at a terminal, and there is none.") from None


def ask_new_pass_phrase(what: str) -> bytes:
    """Ask twice; raises CustodianError `pass_phrase_not_set` where three attempts are not enough."""
    for _ in range(_ATTEMPTS):
        first = ask_pass_phrase(f"New pass phrase of {what} (at least {SHORTEST} characters): ")
        if len(first.decode(errors="replace")) < SHORTEST:
            _tell(f"That is too short: at least {SHORTEST} characters, for instance six words.")
        elif ask_pass_phrase("The same again: ") != first:
            _tell("These were two different ones.")
        else:
            return first
    raise CustodianError("pass_phrase_not_set", "No pass phrase was set, and nothing was made.")


def ask_line(prompt: str) -> str:
    """Ask for something that may be seen; raises CustodianError `no_terminal`."""
    if not sys.stdin.isatty():
        raise CustodianError("no_terminal", "This is typed at a terminal, and there is none.")
    # What a program reads is on standard output.
    sys.stderr.write(prompt)
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
