"""The routine check: the share is opened, nothing of it is shown, and the answer proves it."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from domain.security_domain.encoding import decode
from domain.share_checks import encrypt_nonce, new_nonce, prove
from tests.custodian.conftest import PASS_PHRASE, Ceremony
from tests.custodian.terminal import Ended, run, run_without_terminal

ADA = ("--key", "ada.p12")
KATHERINE = ("--key", "katherine.pem")


def check(ceremony: Ceremony, *arguments: str | Path, typed: tuple[str, ...] = ()) -> Ended:
    return run("check-share", ceremony.domain, *arguments, folder=ceremony.folder, typed=typed)


@pytest.mark.parametrize(
    ("key", "typed", "number"),
    [("ada.p12", (PASS_PHRASE,), 1), ("grace.key", ("wrong", PASS_PHRASE), 2), ("katherine.pem", (), 3)],
)
def test_every_kind_of_key_opens_its_share(ceremony: Ceremony, key: str, typed: tuple[str, ...], number: int) -> None:
    checked = check(ceremony, "--key", key, typed=typed)
    assert checked.code == 0, checked
    assert f"share  {number} of 3, {ceremony.custodians[number - 1].thumbprint}" in checked.output
    assert "is whole. It was not kept." in checked.output
    assert checked.screen.count(f"Pass phrase of {key}: ") == len(typed)
    assert PASS_PHRASE not in checked.screen


def test_the_answer_proves_that_the_key_is_at_hand(ceremony: Ceremony) -> None:
    nonce = new_nonce()
    checked = check(ceremony, ceremony.challenge(nonce), *ADA, "--json", typed=(PASS_PHRASE,))
    assert checked.code == 0
    answer = checked.document()
    thumbprint = ceremony.custodians[0].thumbprint
    assert answer == {
        "challengeId": "01M865QVTX4E83NPAB5GCA8VE5",
        "securityDomainSha256": ceremony.sha256,
        "thumbprint": thumbprint,
        "proof": prove(nonce, "01M865QVTX4E83NPAB5GCA8VE5", ceremony.sha256, thumbprint),
    }


def test_the_answer_is_shown_or_written(ceremony: Ceremony) -> None:
    challenge = ceremony.challenge(new_nonce(), 2)
    shown = check(ceremony, challenge, *KATHERINE).output
    answer = json.loads(shown[shown.index("{") :])
    written = check(ceremony, challenge, *KATHERINE, "--output", "answer.json")
    assert (written.code, "The answer is in answer.json" in written.output) == (0, True)
    assert json.loads((ceremony.folder / "answer.json").read_text()) == answer
    again = check(ceremony, challenge, *KATHERINE, "--output", "answer.json")
    assert (again.code, again.refusal()) == (1, "file_exists")


def test_an_expired_challenge_is_answered_with_a_warning(ceremony: Ceremony) -> None:
    challenge = ceremony.challenge(new_nonce(), 2, expires_at="2001-01-01T00:00:00Z")
    checked = check(ceremony, challenge, *KATHERINE)
    assert checked.code == 0
    assert "By this machine's clock it expired" in checked.output


@pytest.mark.parametrize(
    ("changes", "exit_code", "code"),
    [
        ({"security_domain_sha256": "0" * 64}, 2, "challenge_of_another_file"),
        ({"thumbprint": "A" * 43}, 1, "challenge_for_another_key"),
        ({"encrypted_nonce": "A" * 342}, 2, "challenge_not_opened"),
    ],
)
def test_another_challenge_is_not_answered(
    ceremony: Ceremony, changes: dict[str, Any], exit_code: int, code: str
) -> None:
    refused = check(ceremony, ceremony.challenge(new_nonce(), 2, **changes), *KATHERINE)
    assert (refused.code, refused.refusal()) == (exit_code, code)


def test_the_key_of_the_share_is_no_nonce(ceremony: Ceremony) -> None:
    """Who asks for it as a nonce gets nothing: not even what it would prove."""
    share_key = ceremony.shares()[2]["enc_key"].split(".")[1]
    for encrypted in (share_key, encrypt_nonce(b"x" * 31, ceremony.certificate(2).public_bytes(Encoding.DER))):
        refused = check(ceremony, ceremony.challenge(new_nonce(), 2, encrypted_nonce=encrypted), *KATHERINE)
        assert (refused.code, refused.refusal()) == (2, "challenge_not_opened")


def test_what_is_no_challenge_is_refused(ceremony: Ceremony) -> None:
    refused = check(ceremony, ceremony.domain, *KATHERINE)
    assert (refused.code, refused.refusal()) == (1, "challenge_unreadable")


def damage(ceremony: Ceremony, index: int, part: int) -> None:
    shares = ceremony.shares()
    parts = shares[index]["enc_key"].split(".")
    content = decode(parts[part])
    parts[part] = parts[part][:-6] + ("A" if parts[part][-6] != "A" else "B") + parts[part][-5:]
    assert len(decode(parts[part])) == len(content)
    shares[index]["enc_key"] = ".".join(parts)
    ceremony.change(enc_shares=shares)


@pytest.mark.parametrize(("part", "code"), [(1, "share_not_opened"), (3, "share_damaged"), (4, "share_damaged")])
def test_a_damaged_share_is_a_bad_answer(ceremony: Ceremony, part: int, code: str) -> None:
    damage(ceremony, 2, part)
    refused = check(ceremony, *KATHERINE)
    assert (refused.code, refused.refusal()) == (2, code)
    assert "katherine.pem" in refused.screen
    assert ceremony.custodians[2].thumbprint in refused.screen


def test_a_key_without_a_certificate_finds_its_share_past_damaged_ones(ceremony: Ceremony) -> None:
    damage(ceremony, 0, 3)
    assert check(ceremony, "--key", "grace.key", typed=(PASS_PHRASE,)).code == 0
    damage(ceremony, 1, 1)
    refused = check(ceremony, "--key", "grace.key", typed=(PASS_PHRASE,))
    assert (refused.code, refused.refusal()) == (2, "no_share_for_key")
    named = check(ceremony, "--key", "grace.key", "--certificate", "grace.cer", typed=(PASS_PHRASE,))
    assert (named.code, named.refusal()) == (2, "no_share_for_key")


def test_a_key_of_nobody_opens_nothing(ceremony: Ceremony) -> None:
    ceremony.change(enc_shares=ceremony.shares()[:2])
    refused = check(ceremony, *KATHERINE, "--json")
    assert (refused.code, refused.refusal()) == (2, "no_share_for_key")


def test_a_wrong_pass_phrase_is_refused_in_the_end(ceremony: Ceremony) -> None:
    refused = check(ceremony, *ADA, typed=("first guess", "second guess", "third guess"))
    assert (refused.code, refused.refusal()) == (1, "key_not_opened")
    assert "guess" not in refused.screen


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ([], "key_needed"),
        ([*KATHERINE, *ADA], "key_needed"),
        (["--key", "ada.cer"], "key_unreadable"),
        (["--key", "security-domain.json"], "key_unreadable"),
        (["--key", "none.p12"], "file_unreadable"),
        (["--key", "curve.pem"], "key_not_rsa"),
        (["--key-vault-key", "https://vault.example/keys/a/b"], "key_vault_key_malformed"),
    ],
)
def test_it_takes_one_key(ceremony: Ceremony, keys: list[str], code: str) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import NoEncryption, PrivateFormat

    curve = ec.generate_private_key(ec.SECP256R1())
    pem = curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (ceremony.folder / "curve.pem").write_bytes(pem)
    refused = run_without_terminal("check-share", ceremony.domain, *keys, folder=ceremony.folder)
    assert (refused.code, refused.refusal()) == (1, code)
