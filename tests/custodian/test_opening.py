"""The drill, the opening at a ceremony, and the restore blob that another HSM takes."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from local.azure.managed_hsm.transfer_key import TransferKey, make_transfer_key, open_restore_blob
from tests.custodian.conftest import PASS_PHRASE, Ceremony
from tests.custodian.terminal import Ended, run, run_without_terminal

ADA, GRACE, KATHERINE = (("--key", name) for name in ("ada.p12", "grace.key", "katherine.pem"))
TWO = (PASS_PHRASE, PASS_PHRASE)


@pytest.fixture(scope="module")
def transfer_key() -> TransferKey:
    return make_transfer_key("contoso-hsm-2.managedhsm.azure.net")


def fingerprint(key: TransferKey) -> str:
    return key.certificate.fingerprint(hashes.SHA256()).hex()


def write_transfer_key(ceremony: Ceremony, key: TransferKey, form: str) -> str:
    text = key.describe() if form == "jwk" else key.certificate.public_bytes(Encoding.PEM).decode()
    path = ceremony.folder / f"transfer-key.{form}"
    path.write_text(text)
    return path.name


@pytest.fixture(scope="module")
def openings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two one-time keys, `opening` and `other`."""
    folder = tmp_path_factory.mktemp("openings")
    for name in ("opening", "other"):
        prepared = run("prepare-opening", f"{name}.p12", "--json", folder=folder, typed=TWO)
        assert prepared.code == 0, prepared
        assert (folder / f"{name}.p12").stat().st_mode & 0o777 == 0o600
        (folder / f"{name}.fingerprint").write_text(prepared.document()["sha256"])
    return folder


@pytest.fixture
def spoken(ceremony: Ceremony, openings: Path) -> str:
    """The fingerprint of `opening`, as it is read aloud; both keys lie in the ceremony's folder."""
    shutil.copytree(openings, ceremony.folder, dirs_exist_ok=True)
    return (openings / "opening.fingerprint").read_text()


def open_for(ceremony: Ceremony, *arguments: str, typed: tuple[str, ...] = ()) -> Ended:
    command = ("open-share", ceremony.domain.name, "--for", "opening.pem", *arguments)
    return run(*command, folder=ceremony.folder, typed=typed)


def drill(ceremony: Ceremony, *arguments: str, typed: tuple[str, ...] = ()) -> Ended:
    return run("drill", ceremony.domain.name, *arguments, folder=ceremony.folder, typed=typed)


def test_a_drill_opens_everything_and_keeps_nothing(ceremony: Ceremony) -> None:
    before = sorted(ceremony.folder.iterdir())
    drilled = drill(ceremony, *ADA, *KATHERINE, "--json", typed=(PASS_PHRASE,))
    assert drilled.code == 0, drilled
    document = drilled.document()
    assert [(share["number"], share["openedBy"]) for share in document["shares"]] == [
        (1, "ada.p12"),
        (3, "katherine.pem"),
    ]
    assert document["parts"] == [{"tag": tag, "size": len(part)} for tag, part in ceremony.secrets.items()]
    assert sorted(ceremony.folder.iterdir()) == before
    assert "every part is whole" in drill(ceremony, *ADA, *GRACE, *KATHERINE, typed=TWO).output


@pytest.mark.parametrize(
    ("keys", "exit_code", "code"), [(ADA, 1, "shares_too_few"), ((*KATHERINE, *KATHERINE), 1, "shares_repeated")]
)
def test_a_drill_needs_a_quorum(ceremony: Ceremony, keys: tuple[str, ...], exit_code: int, code: str) -> None:
    refused = drill(ceremony, *keys)
    assert (refused.code, refused.refusal()) == (exit_code, code)


def test_a_part_that_is_damaged_is_named(ceremony: Ceremony) -> None:
    document = json.loads(ceremony.domain.read_bytes())
    datum = document["EncData"]["data"][1]
    datum["compact_jwe"] = datum["compact_jwe"][:-6] + ("A" if datum["compact_jwe"][-6] != "A" else "B") + "AAAAA"
    ceremony.domain.write_text(json.dumps(document))
    refused = drill(ceremony, *KATHERINE, *ADA, typed=(PASS_PHRASE,))
    assert (refused.code, refused.refusal()) == (2, "part_damaged")
    assert datum["tag"] in refused.screen


@pytest.mark.parametrize("form", ["pem", "jwk"])
def test_another_hsm_takes_the_restore_blob(ceremony: Ceremony, transfer_key: TransferKey, form: str) -> None:
    file = write_transfer_key(ceremony, transfer_key, form)
    expected = fingerprint(transfer_key).upper()
    spelled = ":".join(expected[i : i + 2] for i in range(0, 64, 2)) if form == "pem" else expected
    arguments = ("--transfer-key-sha256", spelled, *ADA, *KATHERINE, "--output", "blob.json")
    command = ("restore-blob", ceremony.domain.name, file, *arguments)
    restored = run(*command, folder=ceremony.folder, typed=(PASS_PHRASE,))
    assert restored.code == 0, restored
    assert "Not verified: that the transfer key is of the HSM that you mean." in restored.output
    blob = ceremony.folder / "blob.json"
    assert blob.stat().st_mode & 0o777 == 0o600
    assert open_restore_blob(blob.read_text(), transfer_key) == ceremony.secrets
    again = run(*command, folder=ceremony.folder)
    assert (again.code, again.refusal()) == (1, "file_exists")


@pytest.mark.parametrize(
    ("sha256", "exit_code", "code"),
    [(None, 1, "transfer_key_sha256_needed"), ("0" * 64, 2, "transfer_key_differs"), ("0", 1, "not_a_sha256")],
)
def test_a_transfer_key_that_nobody_vouches_for_gets_nothing(
    ceremony: Ceremony, transfer_key: TransferKey, sha256: str | None, exit_code: int, code: str
) -> None:
    file = write_transfer_key(ceremony, transfer_key, "pem")
    vouched = [] if sha256 is None else ["--transfer-key-sha256", sha256]
    keys = (*KATHERINE, *ADA, "--output", "blob.json")
    refused = run_without_terminal("restore-blob", ceremony.domain.name, file, *vouched, *keys, folder=ceremony.folder)
    assert (refused.code, refused.refusal()) == (exit_code, code)
    assert not (ceremony.folder / "blob.json").exists()


@pytest.mark.parametrize("file", ["security-domain.json", "katherine.pem", "ada.p12"])
def test_what_is_no_transfer_key_is_refused(ceremony: Ceremony, file: str) -> None:
    arguments = ("--transfer-key-sha256", "0" * 64, *KATHERINE, "--output", "blob.json")
    refused = run_without_terminal("restore-blob", ceremony.domain.name, file, *arguments, folder=ceremony.folder)
    expected = "transfer_key_differs" if file == "katherine.pem" else "transfer_key_unreadable"
    assert refused.refusal() == expected


def test_shares_come_from_elsewhere_to_the_machine_of_the_opening(
    ceremony: Ceremony, transfer_key: TransferKey, spoken: str
) -> None:
    asked = open_for(ceremony, *ADA, "--output", "ada.share", typed=(spoken[-8:].upper(), PASS_PHRASE))
    assert asked.code == 0, asked
    assert " ".join(spoken[start : start + 8] for start in range(0, 56, 8)) in asked.screen
    scripted = open_for(ceremony, *KATHERINE, "--fingerprint", spoken, "--output", "katherine.share", "--json")
    assert (scripted.code, "jwe" in scripted.document()) == (0, False)
    shares = ("--share", "ada.share", "--share", "katherine.share", "--opening-key", "opening.p12")
    assert drill(ceremony, *shares, typed=(PASS_PHRASE,)).code == 0
    file = write_transfer_key(ceremony, transfer_key, "pem")
    vouched = ("--transfer-key-sha256", fingerprint(transfer_key), "--output", "blob.json")
    command = ("restore-blob", ceremony.domain.name, file, *vouched, *shares)
    restored = run(*command, folder=ceremony.folder, typed=(PASS_PHRASE,))
    assert restored.code == 0, restored
    assert open_restore_blob((ceremony.folder / "blob.json").read_text(), transfer_key) == ceremony.secrets


def test_own_keys_and_shares_of_others_open_together(ceremony: Ceremony, spoken: str) -> None:
    open_for(ceremony, *KATHERINE, "--fingerprint", spoken, "--output", "katherine.share")
    drilled = drill(ceremony, *ADA, "--share", "katherine.share", "--opening-key", "opening.p12", typed=TWO)
    assert drilled.code == 0, drilled


def test_a_fingerprint_that_is_not_the_same_gets_nothing(ceremony: Ceremony, spoken: str) -> None:
    other = "0" * 8 if spoken[-8:] != "0" * 8 else "1" * 8
    for refused in (
        open_for(ceremony, *KATHERINE, "--output", "share", typed=(other,)),
        open_for(ceremony, *KATHERINE, "--output", "share", "--fingerprint", spoken[:-8] + other),
    ):
        assert (refused.code, refused.refusal()) == (2, "fingerprint_differs")
    command = ("open-share", ceremony.domain.name, "--for", "opening.pem", *KATHERINE, "--output", "share")
    assert run_without_terminal(*command, folder=ceremony.folder).refusal() == "no_terminal"
    assert not (ceremony.folder / "share").exists()


@pytest.fixture
def envelope(ceremony: Ceremony, spoken: str) -> Path:
    """Katherine's share, for the machine of the opening."""
    open_for(ceremony, *KATHERINE, "--fingerprint", spoken, "--output", "katherine.share")
    return ceremony.folder / "katherine.share"


def drill_with(ceremony: Ceremony, *arguments: str, typed: tuple[str, ...] = TWO) -> tuple[int, str]:
    refused = drill(ceremony, *ADA, "--share", "katherine.share", *arguments, typed=typed)
    return refused.code, refused.refusal()


def test_an_envelope_is_of_one_domain_and_for_one_machine(ceremony: Ceremony, envelope: Path) -> None:
    opening = ("--opening-key", "opening.p12")
    assert drill_with(ceremony) == (1, "opening_key_needed")
    assert drill_with(ceremony, "--opening-key", "other.p12") == (2, "envelope_for_another_key")
    content = envelope.read_bytes()
    envelope.write_bytes(b"{}")
    assert drill_with(ceremony, *opening) == (1, "envelope_unreadable")
    envelope.write_bytes(content)
    with ceremony.domain.open("a") as file:
        file.write(" ")
    assert drill_with(ceremony, *opening) == (2, "envelope_of_another_file")


def _say_another_thumbprint(document: dict[str, Any], ceremony: Ceremony) -> None:
    document["thumbprint"] = ceremony.custodians[1].thumbprint


def _say_a_foreign_thumbprint(document: dict[str, Any], _: Ceremony) -> None:
    document["thumbprint"] = "A" * 43


def _damage(document: dict[str, Any], _: Ceremony) -> None:
    document["jwe"] = document["jwe"][:-6] + ("A" if document["jwe"][-6] != "A" else "B") + document["jwe"][-5:]


def _take_another_algorithm(document: dict[str, Any], _: Ceremony) -> None:
    document["jwe"] = "eyJhbGciOiJkaXIifQ." + document["jwe"].partition(".")[2]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_say_another_thumbprint, "envelope_contradicts"),
        (_say_a_foreign_thumbprint, "envelope_of_no_share"),
        (_damage, "envelope_not_opened"),
        (_take_another_algorithm, "envelope_not_opened"),
    ],
)
def test_a_changed_envelope_is_a_bad_answer(ceremony: Ceremony, envelope: Path, change: Any, code: str) -> None:
    document = json.loads(envelope.read_text())
    change(document, ceremony)
    envelope.write_text(json.dumps(document))
    assert drill_with(ceremony, "--opening-key", "opening.p12") == (2, code)
