"""The command line: what each command takes."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn

from custodian.errors import CustodianError
from custodian.inspection import inspect
from custodian.key_making import SIZES, make_new_key, prepare_opening
from custodian.opening import drill, open_own, restore
from custodian.results import Result
from custodian.share_check import check_share

type Command = Callable[[argparse.Namespace], Result]

_DESCRIPTION: Final = """
The key custodians' tool. Pass phrases are asked for at the terminal; they are never arguments, and never come from the
environment. No file is ever overwritten.
"""
_EXIT_CODES: Final = """
exit codes: 0 done; 1 not done, because of how it was used or of this machine; 2 it was looked at, and the answer is bad
"""


class _Parser(argparse.ArgumentParser):
    def __init__(self, **settings: Any) -> None:
        # A name cut short may mean something else in the next version.
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        raise CustodianError("usage", f"{message}. See {self.prog} --help.")


def make_parser() -> argparse.ArgumentParser:
    """Make the parser; `command` of what it gives is the function that does the work."""
    parser = _Parser(prog="python -m custodian", description=_DESCRIPTION, epilog=_EXIT_CODES)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Command, what: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=what, description=what, epilog=_EXIT_CODES)
        added.set_defaults(command=command)
        added.add_argument("--json", action="store_true", help="print a JSON document, also of a refusal")
        return added

    new_key = add("new-key", make_new_key, "make a wrapping key and its certificate")
    new_key.add_argument("file", type=Path, metavar="FILE.p12", help="the private key; FILE.pem is the certificate")
    new_key.add_argument("--name", required=True, help="whose key it is, for the certificate")
    new_key.add_argument("--bits", type=int, choices=SIZES, default=max(SIZES))

    inspected = add("inspect", inspect, "say all of a security domain that can be said without a key")
    _add_domain(inspected)
    pinned = inspected.add_mutually_exclusive_group()
    pinned.add_argument("--receipt", type=Path, metavar="FILE", help="the service's receipt of it")
    pinned.add_argument("--sha256", metavar="HEX", help="what its SHA-256 must be")
    _add_certificates(inspected, "the certificates that there must be a share for, no more and no fewer")

    checked = add("check-share", check_share, "open your own share, forget it, and answer a challenge")
    _add_domain(checked)
    checked.add_argument("challenge", type=Path, nargs="?", metavar="CHALLENGE", help="what the service asks")
    _add_keys(checked)
    checked.add_argument("--output", type=Path, metavar="FILE", help="where to write the answer")

    drilled = add("drill", drill, "open all of it with a quorum of shares, and keep nothing")
    _add_domain(drilled)
    _add_keys(drilled)
    _add_shares(drilled)

    prepared = add("prepare-opening", prepare_opening, "make the one-time key of the machine of an opening")
    prepared.add_argument("file", type=Path, metavar="FILE.p12", help="the one-time key; FILE.pem is its certificate")

    opened = add("open-share", open_own, "open your own share for the machine of an opening")
    _add_domain(opened)
    opened.add_argument(
        "--for", dest="recipient", type=Path, required=True, metavar="FILE.pem", help="that machine's certificate"
    )
    opened.add_argument("--fingerprint", metavar="HEX", help="what its fingerprint must be; without it you are asked")
    _add_keys(opened)
    opened.add_argument("--output", type=Path, required=True, metavar="FILE", help="where to write the envelope")

    restored = add("restore-blob", restore, "write what brings a security domain into another HSM")
    _add_domain(restored)
    restored.add_argument(
        "transfer_key", type=Path, metavar="TRANSFER_KEY", help="the HSM's transfer key: its certificate, or its JWK"
    )
    restored.add_argument(
        "--transfer-key-sha256", metavar="HEX", help="the SHA-256 of its certificate, which you got by another way"
    )
    _add_keys(restored)
    _add_shares(restored)
    restored.add_argument("--output", type=Path, required=True, metavar="FILE", help="where to write the restore blob")
    return parser


def _add_domain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="the security domain")


def _add_certificates(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--certificate", type=Path, nargs="+", action="extend", default=[], metavar="FILE", help=what)


def _add_keys(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--key", type=Path, action="append", default=[], metavar="FILE", help="a private key, PKCS#12 or PEM"
    )
    parser.add_argument(
        "--key-vault-key",
        action="append",
        default=[],
        metavar="URL",
        help="a private key in a Key Vault, which unwraps for you: https://VAULT.vault.azure.net/keys/NAME/VERSION",
    )
    _add_certificates(parser, "the certificate of a key that comes without one; else each share is tried")


def _add_shares(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--share",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="an envelope with a share for this machine",
    )
    parser.add_argument("--opening-key", type=Path, metavar="FILE", help="this machine's one-time key, for the shares")
