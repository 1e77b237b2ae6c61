"""What is said of a security domain without a key."""

import json

import pytest

from tests.custodian.conftest import Ceremony
from tests.custodian.terminal import Ended, run_without_terminal


def inspect(ceremony: Ceremony, *arguments: str) -> Ended:
    return run_without_terminal("inspect", ceremony.domain.name, *arguments, folder=ceremony.folder)


def verdicts(ended: Ended) -> dict[str, str]:
    return {check["name"]: check["verdict"] for check in ended.document()["checks"]}


def test_a_whole_one_passes_every_check(ceremony: Ceremony) -> None:
    (ceremony.folder / "receipt.json").write_text(json.dumps({"sha256": ceremony.sha256, "quorum": 2, "attempt": 1}))
    certificates = ["--certificate", "ada.cer", "grace.cer", "--certificate", "katherine.cer"]
    inspected = inspect(ceremony, "--receipt", "receipt.json", *certificates, "--json")
    assert inspected.code == 0
    assert set(verdicts(inspected).values()) == {"Passed"}
    document = inspected.document()
    assert (document["sha256"], document["quorum"], document["verdict"]) == (ceremony.sha256, 2, "Passed")
    assert [share["certificate"] for share in document["shares"]] == ["CN=ada", "CN=grace", "CN=katherine"]
    assert [part["tag"] for part in document["parts"]] == list(ceremony.secrets)


def test_people_read_a_table(ceremony: Ceremony) -> None:
    inspected = inspect(ceremony, "--sha256", ":".join(ceremony.sha256[i : i + 2] for i in range(0, 64, 2)).upper())
    assert inspected.code == 0
    assert f"SHA-256  {ceremony.sha256}\n" in inspected.output
    assert "quorum  2 of 3\n" in inspected.output
    assert "  Passed   hash " in inspected.output
    assert "  Skipped  pinned_certificates " in inspected.output
    assert "only its key can say" in inspected.output


@pytest.mark.parametrize(
    ("arguments", "failed"),
    [
        (["--sha256", "0" * 64], "hash"),
        (["--receipt", "receipt.json"], "pinned_quorum"),
        (["--certificate", "ada.cer", "grace.cer"], "pinned_certificates"),
    ],
)
def test_what_is_not_as_pinned_is_a_bad_answer(ceremony: Ceremony, arguments: list[str], failed: str) -> None:
    (ceremony.folder / "receipt.json").write_text(json.dumps({"sha256": ceremony.sha256, "quorum": 3}))
    inspected = inspect(ceremony, *arguments, "--json")
    assert inspected.code == 2
    assert [name for name, verdict in verdicts(inspected).items() if verdict == "Failed"] == [failed]
    assert "do not rely on it" in inspect(ceremony, *arguments).output


@pytest.mark.parametrize("content", [b"", b"{}", b'{"version": 1}', b"\xff", b'{"a": 1, "a": 2}', b"[" * 10_000])
def test_what_is_none_is_a_bad_answer(ceremony: Ceremony, content: bytes) -> None:
    ceremony.domain.write_bytes(content)
    assert inspect(ceremony).code == 2
    assert inspect(ceremony, "--json").document()["verdict"] == "Failed"


def test_no_control_code_of_a_file_reaches_the_terminal(ceremony: Ceremony) -> None:
    document = json.loads(ceremony.domain.read_bytes())
    document["EncData"]["data"][0]["tag"] = "\x1b]0;owned\x07"
    document["SharedKeys"]["enc_shares"][0]["x5t_256"] = "\x1b[2J"
    ceremony.domain.write_text(json.dumps(document))
    for arguments in ([], ["--json"]):
        inspected = inspect(ceremony, *arguments)
        assert inspected.code == 2
        assert "\x1b" not in inspected.output + inspected.screen


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--sha256", "abc"], "not_a_sha256"),
        (["--receipt", "ada.cer"], "receipt_unreadable"),
        (["--receipt", "none.json"], "file_unreadable"),
        (["--certificate", "katherine.pem"], "private_key_in_certificate"),
        (["--certificate", "security-domain.json"], "certificate_unreadable"),
        (["--receipt", "ada.cer", "--sha256", "0"], "usage"),
    ],
)
def test_what_is_pinned_has_to_be_readable(ceremony: Ceremony, arguments: list[str], code: str) -> None:
    refused = inspect(ceremony, *arguments)
    assert (refused.code, refused.refusal()) == (1, code)
    assert inspect(ceremony, *arguments, "--json").refusal() == code
