"""The test vectors are what the generator makes, and every opener finds in them what they say."""

from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.x509 import load_pem_x509_certificate

from domain.security_domain.checks import check_security_domain, find_faults
from domain.security_domain.document import read_security_domain
from domain.security_domain.errors import SecurityDomainError
from domain.security_domain.opening import derive_data_key, open_data, open_part, open_share
from domain.security_domain.restoring import check_restore_blob, read_transfer_key
from domain.security_domain.shares import combine_shares, read_share, write_share
from local.azure.managed_hsm.security_domain import is_domain
from local.azure.managed_hsm.transfer_key import TransferKey, open_restore_blob
from tests import security_domain_opener as opener
from tests.local.azure.test_security_domain_format import KEYS
from tests.test_security_domain_opener import DATUM, MASTER_KEY, SHARES
from tests.vectors.broken import BROKEN
from tests.vectors.generate import CASES, FOLDER, make_files
from tests.vectors.reading import read, read_json, read_key, read_keys, read_pinned, unwrap_with

FOLDERS: Final = [case.folder for case in CASES]
LARGEST: Final = 100_000


def stored_files() -> dict[str, str]:
    kinds = {".json", ".pem", ".cer"}
    return {path.relative_to(FOLDER).as_posix(): path.read_text() for path in FOLDER.rglob("*") if path.suffix in kinds}


def test_the_generator_makes_every_file_to_the_byte() -> None:
    made, stored = make_files(), stored_files()
    assert made.keys() == stored.keys()
    assert [path for path, text in made.items() if stored[path] != text] == []


def test_every_file_is_small_and_told_of() -> None:
    guide = read("README.md")
    for path, text in stored_files().items():
        assert len(text) < LARGEST, path
        told = path.partition("/")[0] if path.count("/") else path
        assert f"`{told}" in guide, path
    assert all(f"`{name}`" in guide for name in read_json("broken/findings.json"))


def test_private_keys_say_that_they_are_of_tests() -> None:
    keys = [Path(path) for path in stored_files() if path.endswith(".pem")]
    assert keys
    assert all(read(path.as_posix()).startswith("TEST KEY. Everybody knows it") for path in keys)


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_security_domain_passes_every_check(folder: str) -> None:
    expected = read_json(f"{folder}/expected.json")
    checks = check_security_domain(
        read(f"{folder}/security-domain.json").encode(), read_pinned(expected, expected["sha256"])
    )
    others = [(check.name, check.message) for check in checks if check.verdict != "Passed"]
    all_needed = expected["quorum"] == len(expected["shares"])
    told = "The quorum is all shares: losing one key loses the security domain."
    assert others == ([("quorum", told)] if all_needed else [])


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_security_domain_holds_what_is_said(folder: str) -> None:
    expected = read_json(f"{folder}/expected.json")
    content = read(f"{folder}/security-domain.json").encode()
    domain, keys = read_security_domain(content), read_keys(expected)
    shares = [open_share(domain, thumbprint, unwrap_with(key)) for thumbprint, key in keys.items()]
    assert [write_share(share).hex() for share in shares] == [share["share"] for share in expected["shares"]]
    assert combine_shares(shares, expected["quorum"]).hex() == expected["master_key"]
    data = open_data(domain, shares)
    assert {tag: text.hex() for tag, text in data.items()} == expected["plaintexts"]
    master_key = bytes.fromhex(expected["master_key"])
    assert {tag: derive_data_key(master_key, tag).hex() for tag in data} == expected["derived_keys"]
    assert opener.open_security_domain(content, keys) == data


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_restore_blob_holds_the_same_for_the_transfer_key(folder: str) -> None:
    expected = read_json(f"{folder}/expected.json")
    text, key = read(f"{folder}/restore-blob.json"), read_transfer_key(read("transfer-key.json"))
    check_restore_blob(text.encode(), key.thumbprint, key.modulus_bytes)
    blob = read_json(f"{folder}/restore-blob.json")
    master_key = opener.open_share(blob["WrappedKey"]["enc_key"], read_key("keys/transfer.pem"))
    assert master_key.hex() == expected["restore_master_key"]
    parts = {item["tag"]: item["compact_jwe"] for item in blob["EncData"]["data"]}
    opened = {tag: open_part(part, tag, derive_data_key(master_key, tag)).hex() for tag, part in parts.items()}
    assert opened == expected["plaintexts"]


def test_the_local_azure_takes_the_first_restore_blob() -> None:
    certificate = load_pem_x509_certificate(read("keys/transfer.cer").encode())
    key = TransferKey(certificate, read_key("keys/transfer.pem"))
    assert is_domain(open_restore_blob(read(f"{FOLDERS[0]}/restore-blob.json"), key))


def test_the_transfer_key_is_the_same_in_both_forms() -> None:
    assert read_transfer_key(read("transfer-key.json")) == read_transfer_key(read("keys/transfer.cer"))


def test_the_known_answer_is_the_published_one() -> None:
    answer = read_json("known-answer.json")
    assert bytes.fromhex(answer["master_key"]) == MASTER_KEY
    assert (answer["derived_keys"], answer["shares"]) == (KEYS, SHARES)
    assert answer["datum"]["compact_jwe"] == DATUM
    assert {tag: derive_data_key(MASTER_KEY, tag).hex() for tag in KEYS} == KEYS
    shares = [read_share(bytes.fromhex(share)) for share in SHARES]
    assert combine_shares(shares, 2) == MASTER_KEY
    assert open_part(DATUM, "hsm_backup", derive_data_key(MASTER_KEY, "hsm_backup")) == b"simulated hsm backup"


def test_version_1_is_refused_by_its_name() -> None:
    content = read("version-1/security-domain.json").encode()
    (fault,) = find_faults(check_security_domain(content, read_pinned(read_json(f"{FOLDERS[0]}/expected.json"))))
    assert fault.startswith("It is version 1 of the format")
    with pytest.raises(SecurityDomainError) as raised:
        read_security_domain(content)
    assert raised.value.code == "version_1"


def open_all(content: bytes, expected: dict[str, Any]) -> None:
    domain = read_security_domain(content)
    shares = [open_share(domain, thumbprint, unwrap_with(key)) for thumbprint, key in read_keys(expected).items()]
    open_data(domain, shares)


@pytest.mark.parametrize("name", [*BROKEN, "cut-off", "a-member-twice"])
def test_each_broken_one_gives_its_finding(name: str) -> None:
    finding, expected = read_json("broken/findings.json")[name], read_json(f"{FOLDERS[0]}/expected.json")
    content = read(f"broken/{name}.json").encode()
    checks = check_security_domain(content, read_pinned(expected))
    assert [check.name for check in checks if check.verdict == "Failed"] == finding["checks"]
    assert finding["checks"] or finding["opening"]
    if finding["opening"] is None:
        open_all(content, expected)
        return
    with pytest.raises(SecurityDomainError) as raised:
        open_all(content, expected)
    assert raised.value.code == finding["opening"]
