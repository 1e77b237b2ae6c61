"""What the tool holds reaches no disk, no argument, no environment and no other process: watched as it runs."""

import base64
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from domain.share_checks import new_nonce
from local.azure.managed_hsm.transfer_key import make_transfer_key
from tests.custodian.conftest import PASS_PHRASE, Ceremony
from tests.custodian.terminal import Ended, plain_environment, run
from tests.custodian.watching import WATCH, Watched, watch
from tests.security_domain_opener import combine_shares, open_share

DOMAIN = "security-domain.json"


def spellings(secret: bytes) -> list[bytes]:
    """Spell a secret as it could be written; whichever three bytes of base64 it begins in."""
    shifted = [base64.b64encode(secret[start:])[: len(secret)] for start in range(3)]
    urlsafe = [base64.urlsafe_b64encode(secret[start:])[: len(secret)] for start in range(3)]
    return [secret, secret.hex().encode(), secret.hex().upper().encode(), *shifted, *urlsafe]


def secrets_of(ceremony: Ceremony) -> list[bytes]:
    """List what must not be seen: parts, shares, the master key, primes and pass phrases."""
    keys = [custodian.key for custodian in ceremony.custodians]
    shares = [
        open_share(item["enc_key"], key)
        for item, key in zip(ceremony.shares(), keys, strict=True)
        if isinstance(key, RSAPrivateKey)
    ]
    primes = [key.private_numbers().p.to_bytes(128) for key in keys if isinstance(key, RSAPrivateKey)]
    master_key = combine_shares(shares[:2])
    return [*(part[:64] for part in ceremony.secrets.values()), *shares, master_key, *primes, PASS_PHRASE.encode()]


def find_secrets(ceremony: Ceremony, watched: Watched, before: set[Path]) -> list[str]:
    """Name the places that hold a secret: new files, the screen, the output, arguments and environment."""
    places = {
        str(path): path.read_bytes() for path in ceremony.folder.rglob("*") if path.is_file() and path not in before
    }
    places |= {"screen": watched.ended.screen.encode(), "output": watched.ended.output.encode()}
    places["arguments and environment"] = watched.had.encode()
    wanted = [spelling for secret in secrets_of(ceremony) for spelling in spellings(secret)]
    return [place for place, content in places.items() if any(spelling in content for spelling in wanted)]


ADA = ("--key", "ada.p12")
OPENED = ("--share", "katherine.share", "--opening-key", "opening.p12")
TO_OPENING = ("--for", "opening.pem", "--fingerprint", "FINGERPRINT")
TO_HSM = ("transfer-key.json", "--transfer-key-sha256", "TRANSFER")
COMMANDS: dict[str, tuple[tuple[str, ...], int, set[str]]] = {
    "new-key": (("new.p12", "--name", "Ada", "--bits", "2048"), 2, {"new.p12", "new.pem"}),
    "inspect": ((DOMAIN, "--certificate", "ada.cer"), 0, set()),
    "check-share": ((DOMAIN, "challenge.json", *ADA, "--output", "answer.json"), 1, {"answer.json"}),
    "drill": ((DOMAIN, *ADA, "--key", "katherine.pem"), 1, set()),
    "prepare-opening": (("prepared.p12",), 2, {"prepared.p12", "prepared.pem"}),
    "open-share": ((DOMAIN, *TO_OPENING, *ADA, "--output", "ada.share"), 1, {"ada.share"}),
    "restore-blob": ((DOMAIN, *TO_HSM, *ADA, *OPENED, "--output", "blob.json"), 2, {"blob.json"}),
}
"""What each command is given, how many pass phrases it asks for, and what it may write."""


@pytest.fixture(scope="module")
def opening(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The files of an opening, and what stands for them in the commands above."""
    folder = tmp_path_factory.mktemp("opening")
    prepared = run("prepare-opening", "opening.p12", "--json", folder=folder, typed=(PASS_PHRASE, PASS_PHRASE))
    key = make_transfer_key("contoso-hsm-2.managedhsm.azure.net")
    (folder / "transfer-key.json").write_text(key.describe())
    return folder, {
        "FINGERPRINT": str(prepared.document()["sha256"]),
        "TRANSFER": key.certificate.fingerprint(hashes.SHA256()).hex(),
    }


@pytest.mark.parametrize("name", list(COMMANDS))
def test_a_command_leaves_no_trace(ceremony: Ceremony, opening: tuple[Path, dict[str, str]], name: str) -> None:
    folder, words = opening
    for path in folder.iterdir():
        (ceremony.folder / path.name).write_bytes(path.read_bytes())
    ceremony.challenge(new_nonce())
    command = ("open-share", "security-domain.json", "--for", "opening.pem", "--fingerprint", words["FINGERPRINT"])
    run(*command, "--key", "katherine.pem", "--output", "katherine.share", folder=ceremony.folder)
    before = {path for path in ceremony.folder.rglob("*") if path.is_file()}
    arguments, pass_phrases, outputs = COMMANDS[name]
    given = [words.get(argument, argument) for argument in arguments]
    watched = watch(ceremony.folder, name, *given, typed=[PASS_PHRASE] * pass_phrases)
    assert watched.ended.code == (2 if name == "inspect" else 0), watched.ended
    assert watched.wrote - {"/dev/tty"} == outputs
    assert watched.read <= {*given, *outputs}
    assert watched.others == []
    assert watched.core_limit == [0, 0]
    assert find_secrets(ceremony, watched, before) == []
    assert before | {ceremony.folder / output for output in outputs} == {
        path for path in ceremony.folder.rglob("*") if path.is_file()
    }


def test_the_watch_sees_what_it_is_for(ceremony: Ceremony) -> None:
    """Else the tests above would say nothing."""
    program = "\n".join(
        [
            "import os, socket, subprocess",
            "open('leak', 'w').write('x')",
            "subprocess.run(['true'])",
            "socket.socket()",
            "os.environ['LEAK'] = 'leaked'",
        ]
    )
    log = ceremony.folder / "watch.log"
    log.write_bytes(b"")
    environment = plain_environment(PYTHONPATH=str(WATCH), WATCH_LOG=str(log))
    subprocess.run([sys.executable, "-c", program], cwd=ceremony.folder, env=environment, check=True)
    seen = log.read_text()
    for expected in ('["open", ["leak", "w"', '"subprocess.Popen"', '"socket.', '"os.putenv"', '"LEAK": "leaked"'):
        assert expected in seen


def test_the_search_finds_every_kind_of_secret(ceremony: Ceremony) -> None:
    key = ceremony.custodians[0].key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    der = base64.b64decode(b"".join(line for line in key.splitlines() if not line.startswith(b"-")))
    nothing = Watched(Ended(0, "", ""), set(), set(), [], set(), [], "", [0, 0])
    before = {path for path in ceremony.folder.rglob("*") if path.is_file()}
    assert find_secrets(ceremony, nothing, before) == []
    for secret in [der, *secrets_of(ceremony)]:
        for padding in (b"", b"x", b"xx"):
            (ceremony.folder / "leak").write_bytes(base64.urlsafe_b64encode(padding + secret))
            assert find_secrets(ceremony, nothing, before) == [str(ceremony.folder / "leak")]


@pytest.mark.parametrize("module", ["resource", "termios"])
def test_it_runs_where_a_module_of_this_system_is_missing(ceremony: Ceremony, module: str) -> None:
    program = (
        f"import sys; sys.modules['{module}'] = None; import runpy; runpy.run_module('custodian', run_name='__main__')"
    )
    command = [sys.executable, "-c", program, "drill", DOMAIN, "--key", "katherine.pem", "--key", "0.pem"]
    key = ceremony.custodians[0].key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (ceremony.folder / "0.pem").write_bytes(key)
    subprocess.run(command, cwd=ceremony.folder, env=plain_environment(), check=True, capture_output=True)


def test_a_fault_of_the_tool_shows_where_it_is_and_nothing_else(ceremony: Ceremony) -> None:
    program = "\n".join(
        [
            "import sys",
            "import custodian.__main__ as tool",
            "def fail(): raise RuntimeError('a secret')",
            "tool.make_parser = fail",
            "sys.exit(tool.main())",
        ]
    )
    command = [sys.executable, "-c", program]
    ended = subprocess.run(
        command, cwd=ceremony.folder, env=plain_environment(), capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "unexpected: This is a fault of the tool: RuntimeError at <string>:3.\n"
