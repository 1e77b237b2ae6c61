"""New keys: locked, their owner's alone from the first moment, and never written over anything."""

import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from domain.wrapping_keys import WrappingCertificate, read_pem
from tests.custodian.conftest import PASS_PHRASE
from tests.custodian.terminal import Ended, run, run_without_terminal


def make(folder: Path, *arguments: str, typed: list[str] | None = None) -> Ended:
    command = ("new-key", "ada.p12", "--name", "Ada L.", "--bits", "2048", *arguments)
    return run(*command, folder=folder, typed=typed or [PASS_PHRASE, PASS_PHRASE])


def test_makes_a_key_that_is_locked_and_a_certificate_that_the_service_takes(tmp_path: Path) -> None:
    made = make(tmp_path, "--json")
    assert made.code == 0, made
    assert (tmp_path / "ada.p12").stat().st_mode & 0o777 == 0o600
    key, certificate, _ = pkcs12.load_key_and_certificates((tmp_path / "ada.p12").read_bytes(), PASS_PHRASE.encode())
    assert isinstance(key, RSAPrivateKey)
    assert certificate
    taken = read_pem((tmp_path / "ada.pem").read_text())
    assert isinstance(taken, WrappingCertificate)
    assert taken.der == certificate.public_bytes(Encoding.DER)
    assert (made.document()["thumbprint"], made.document()["subject"]) == (taken.thumbprint, "CN=Ada L.")
    assert x509.load_der_x509_certificate(taken.der).public_key() == key.public_key()


def test_any_program_opens_what_was_made(tmp_path: Path) -> None:
    make(tmp_path)
    command = ["openssl", "pkcs12", "-in", "ada.p12", "-noenc", "-passin", f"pass:{PASS_PHRASE}"]
    shown = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert "BEGIN PRIVATE KEY" in shown
    assert "BEGIN CERTIFICATE" in shown


def test_says_what_to_hand_over_and_what_is_lost_when(tmp_path: Path) -> None:
    text = make(tmp_path).output
    for expected in (
        "Hand over: ada.pem",
        "Lock away: ada.p12",
        "nobody opens your share ever again",
        "Say so at once",
    ):
        assert expected in text


def test_a_pass_phrase_is_long_and_typed_twice(tmp_path: Path) -> None:
    made = make(tmp_path, typed=["too short", PASS_PHRASE, PASS_PHRASE + "!", PASS_PHRASE, PASS_PHRASE])
    assert made.code == 0
    assert "too short: at least 20 characters" in made.screen
    assert "two different ones" in made.screen
    assert PASS_PHRASE not in made.screen + made.output


def test_without_a_pass_phrase_nothing_is_made(tmp_path: Path) -> None:
    refused = make(tmp_path, typed=["a", "b", "c"])
    assert (refused.code, refused.refusal()) == (1, "pass_phrase_not_set")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("there", ["ada.p12", "ada.pem"])
@pytest.mark.parametrize("dangling", [False, True])
def test_nothing_is_overwritten(tmp_path: Path, there: str, dangling: bool) -> None:
    if dangling:
        (tmp_path / there).symlink_to(tmp_path / "elsewhere")
    else:
        (tmp_path / there).write_text("mine")
    refused = make(tmp_path)
    assert (refused.code, refused.refusal()) == (1, "file_exists")
    assert there in refused.screen
    assert [path.name for path in tmp_path.iterdir()] == [there]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["ada.key", "--name", "Ada"], "file_name_not_p12"),
        (["ada.p12", "--name", "A" * 65], "name_too_long"),
        (["ada.p12", "--name", "Ada", "--bits", "1024"], "usage"),
        (["ada.p12"], "usage"),
        (["ada.p12", "--name", "Ada", "--password", "x"], "usage"),
        (["ada.p12", "--na", "Ada"], "usage"),
    ],
)
def test_refuses_what_makes_no_key(tmp_path: Path, arguments: list[str], code: str) -> None:
    refused = run_without_terminal("new-key", *arguments, folder=tmp_path)
    assert (refused.code, refused.refusal()) == (1, code)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    refused = run("new-key", "none/ada.p12", "--name", "Ada", folder=tmp_path, typed=[PASS_PHRASE, PASS_PHRASE])
    assert (refused.code, refused.refusal()) == (1, "file_not_written")


def test_a_pass_phrase_comes_from_a_terminal_only(tmp_path: Path) -> None:
    given = f"{PASS_PHRASE}\n{PASS_PHRASE}\n"
    refused = run_without_terminal("new-key", "ada.p12", "--name", "Ada", "--json", folder=tmp_path, given=given)
    assert (refused.code, refused.refusal()) == (1, "no_terminal")
    assert list(tmp_path.iterdir()) == []
