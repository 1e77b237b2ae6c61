"""Each check by a table: what is changed, which check says so, and in which words."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from domain.security_domain.checks import CHECKS, Check, Pinned, check_security_domain, find_faults
from domain.security_domain.document import read_security_domain
from domain.security_domain.encoding import encode
from tests.security_domain_opener import decode
from tests.vectors.reading import read, read_json, read_pinned

type Document = dict[str, Any]
type Change = Callable[[Document], object]

FOLDER = "three-of-quorum-two"
PINNED = read_pinned(read_json(f"{FOLDER}/expected.json"))
NOTHING = Pinned()
LAST = "partition_enclave_backup"


def changed(change: Change) -> bytes:
    document = read_json(f"{FOLDER}/security-domain.json")
    change(document)
    return json.dumps(document).encode()


def shares(document: Document) -> list[Document]:
    listed: list[Document] = document["SharedKeys"]["enc_shares"]
    return listed


def data(document: Document) -> list[Document]:
    listed: list[Document] = document["EncData"]["data"]
    return listed


def quorum(value: Any) -> Change:
    return lambda document: document["SharedKeys"].update(required=value)


def header(holder: Callable[[Document], Document], name: str, **members: Any) -> Change:
    """Change a JWE's header."""

    def change(document: Document) -> None:
        item = holder(document)
        first, rest = item[name].split(".", 1)
        text = json.dumps({**json.loads(decode(first)), **members})
        item[name] = f"{encode(text.encode())}.{rest}"

    return change


def part(holder: Callable[[Document], Document], name: str, number: int, content: bytes) -> Change:
    def change(document: Document) -> None:
        item = holder(document)
        parts = item[name].split(".")
        parts[number] = encode(content)
        item[name] = ".".join(parts)

    return change


def of_share(**members: Any) -> Change:
    return header(lambda document: shares(document)[1], "enc_key", **members)


def of_part(**members: Any) -> Change:
    return header(lambda document: data(document)[1], "compact_jwe", **members)


def part_of_share(number: int, content: bytes) -> Change:
    return part(lambda document: shares(document)[1], "enc_key", number, content)


def part_of_part(number: int, content: bytes) -> Change:
    return part(lambda document: data(document)[1], "compact_jwe", number, content)


def told(content: bytes, pinned: Pinned = NOTHING) -> dict[str, Check]:
    return {check.name: check for check in check_security_domain(content, pinned)}


QUORUM = "The quorum is not between 2 and 10."
ALGORITHMS = "share 2: its algorithms are not those of a share."
KEY = "share 2: its encrypted key is not of an RSA key of 2048, 3072 or 4096 bits."
LENGTH = "share 2: it does not have the length of a share."
HEADER = "part 2: its header is not that of a part with its tag."
ASKS = "its header asks for what no restore tool does."
NAMED = "share 2: it names its certificate by no SHA-256 in base64url."
FIVE = "it does not have the five parts of a compact JWE."
LENGTHS = "its initialization vector or its tag has a wrong length."

FAILED: list[tuple[Change, str, str]] = [
    (lambda document: document.update(version=1), "version", "It is version 1 of the format"),
    (lambda document: document.update(version=True), "version", "It is version 1 of the format"),
    (lambda document: document.update(SplitKeys={}), "version", "It is version 1 of the format"),
    (lambda document: document.update(version=3), "version", "It does not say that it is version 2"),
    (lambda document: document.update(version="2"), "version", "It does not say that it is version 2"),
    (lambda document: document.pop("version"), "version", "It does not say that it is version 2"),
    (lambda document: document.pop("EncData"), "members", "EncData: missing"),
    (lambda document: document["EncData"].update(kdf="sp108"), "members", "EncData.kdf: literal_error"),
    (lambda document: document["EncData"].update(data=[]), "members", "EncData.data: too_short"),
    (lambda document: data(document)[0].update(tag=""), "members", "EncData.data.0.tag: string_too_short"),
    (lambda document: data(document).extend(data(document) * 7), "members", "EncData.data: too_long"),
    (
        lambda document: document["SharedKeys"].update(key_algorithm="xor_split"),
        "members",
        "SharedKeys.key_algorithm: literal_error",
    ),
    (lambda document: shares(document).extend(shares(document) * 42), "members", "enc_shares: too_long"),
    (quorum("2"), "members", "SharedKeys.required: int_type"),
    (quorum(True), "members", "SharedKeys.required: int_type"),
    (quorum(None), "members", "SharedKeys.required: int_type"),
    *((quorum(value), "quorum", QUORUM) for value in (-1, 0, 1, 11, 10**40)),
    (quorum(4), "quorum", "The quorum is 4, and there are 3 shares: nobody can open it."),
    (lambda document: shares(document).pop(), "shares", "There are 2 shares; an HSM makes 3 to 10."),
    (lambda document: shares(document).clear(), "shares", "There are 0 shares; an HSM makes 3 to 10."),
    (lambda document: shares(document).extend(shares(document) * 3), "shares", "There are 12 shares"),
    (lambda document: shares(document).append(shares(document)[0]), "shares", "Two shares are for the same"),
    (lambda document: shares(document)[1].update(x5t_256="A" * 44), "shares", NAMED),
    (lambda document: shares(document)[1].update(x5t_256="A" * 43 + "="), "shares", NAMED),
    (lambda document: shares(document)[1].update(x5t_256="A" * 42), "shares", NAMED),
    (lambda document: shares(document)[1].update(x5t_256="0" * 64), "shares", NAMED),
    (lambda document: shares(document)[1].update(x5t_256=""), "shares", NAMED),
    (of_share(alg="RSA1_5"), "share_envelopes", ALGORITHMS),
    (of_share(alg="dir"), "share_envelopes", ALGORITHMS),
    (of_share(alg=None), "share_envelopes", ALGORITHMS),
    (of_share(alg=["RSA-OAEP-256"]), "share_envelopes", ALGORITHMS),
    (of_share(enc="A128CBC-HS256"), "share_envelopes", ALGORITHMS),
    *(
        (of_share(**{name: "x"}), "share_envelopes", f"share 2: {ASKS}")
        for name in ("zip", "crit", "epk", "p2s", "b64")
    ),
    (part_of_share(1, b""), "share_envelopes", KEY),
    (part_of_share(1, bytes(257)), "share_envelopes", KEY),
    (part_of_share(1, bytes(128)), "share_envelopes", KEY),
    (part_of_share(3, bytes(64)), "share_envelopes", LENGTH),
    (part_of_share(3, bytes(96)), "share_envelopes", LENGTH),
    (part_of_share(4, bytes(16)), "share_envelopes", f"share 2: {LENGTHS}"),
    (part_of_share(4, bytes(64)), "share_envelopes", f"share 2: {LENGTHS}"),
    (part_of_share(2, bytes(12)), "share_envelopes", f"share 2: {LENGTHS}"),
    (lambda document: shares(document)[1].update(enc_key=""), "share_envelopes", f"share 2: {FIVE}"),
    (lambda document: data(document).pop(), "parts", f"Parts of the HSM's secrets are missing: {LAST}."),
    (lambda document: data(document)[0].update(tag="other"), "parts", "are missing: hsm_backup."),
    (lambda document: data(document).append(data(document)[0]), "parts", "A part of the HSM's secrets comes twice."),
    (of_part(alg="RSA-OAEP-256"), "part_envelopes", HEADER),
    (of_part(enc="A256GCM"), "part_envelopes", HEADER),
    (of_part(kid="hsm_backup"), "part_envelopes", HEADER),
    (of_part(kid=None), "part_envelopes", HEADER),
    (of_part(zip="DEF"), "part_envelopes", f"part 2: {ASKS}"),
    (part_of_part(1, bytes(256)), "part_envelopes", "part 2: it has an encrypted key, where its key is derived."),
    (part_of_part(3, b""), "part_envelopes", "part 2: its ciphertext is not a number of whole blocks."),
    (part_of_part(4, bytes(31)), "part_envelopes", f"part 2: {LENGTHS}"),
]


@pytest.mark.parametrize(("change", "name", "message"), FAILED, ids=map(str, range(len(FAILED))))
def test_each_check_says_what_is_wrong(change: Change, name: str, message: str) -> None:
    checks = told(changed(change))
    assert checks[name].verdict == "Failed"
    assert message in (checks[name].message or "")


NEW_PART: Change = lambda document: data(document).append(  # noqa: E731
    {"compact_jwe": of_tag(data(document)[0]["compact_jwe"], "new_part"), "tag": "new_part"}
)


def of_tag(compact: str, tag: str) -> str:
    text = json.dumps({"alg": "dir", "enc": "A256CBC-HS512", "kid": tag})
    return f"{encode(text.encode())}.{compact.split('.', 1)[1]}"


@pytest.mark.parametrize(
    ("change", "name", "message"),
    [
        (quorum(3), "quorum", "The quorum is all shares: losing one key loses the security domain."),
        (lambda document: document.update(x=1), "members", "members that the format does not have: the document."),
        (lambda document: data(document)[2].update(x=1), "members", "does not have: EncData.data.2."),
        (lambda document: shares(document)[0].update(x=1), "members", "does not have: SharedKeys.enc_shares.0."),
        (of_share(cty="x"), "share_envelopes", "share 2: its header has members that the format does not have."),
        (of_part(cty="x"), "part_envelopes", "part 2: its header has members that the format does not have."),
        (NEW_PART, "parts", "It has a part that no security domain had when this was written."),
    ],
    ids=map(str, range(7)),
)
def test_what_may_be_is_a_warning_and_no_fault(change: Change, name: str, message: str) -> None:
    checks = told(changed(change))
    assert checks[name].verdict == "Warning"
    assert message in (checks[name].message or "")
    assert find_faults(checks.values()) == []


def without_certificate() -> Pinned:
    return PINNED._replace(certificates=(PINNED.certificates or [])[:2])


def test_what_was_pinned_is_held_against_it() -> None:
    content = changed(lambda _: None)
    assert find_faults(check_security_domain(content, PINNED)) == []
    assert told(content, PINNED._replace(quorum=3))["pinned_quorum"].message == "The quorum is not 3."
    checks = told(content, without_certificate())
    assert checks["pinned_certificates"].message == "It has 1 share for other certificates."
    assert told(content, Pinned())["pinned_certificates"].verdict == "Skipped"


def test_a_missing_share_is_told_by_its_thumbprint() -> None:
    content = changed(lambda document: shares(document).pop())
    (first, second, third) = PINNED.certificates or []
    told_of = told(content, PINNED)["pinned_certificates"].message
    assert told_of == f"It has no share for the certificate {third.thumbprint}."
    assert first.thumbprint != second.thumbprint


def test_a_key_of_another_size_than_its_certificate_s_is_found() -> None:
    checks = told(changed(part_of_share(1, bytes(512))), PINNED)
    assert checks["share_envelopes"].verdict == "Passed"
    message = "share 2: its encrypted key has not the length of its certificate's key."
    assert (checks["pinned_key_sizes"].verdict, checks["pinned_key_sizes"].message) == ("Failed", message)


@pytest.mark.parametrize("padded", [True, False])
def test_thumbprints_as_terraform_sends_them_are_told_by_name(padded: bool) -> None:
    document = read_json("broken/thumbprints-of-base64-text.json")
    if not padded:
        for share in shares(document):
            share["x5t_256"] = share["x5t_256"].rstrip("=")
    checks = told(json.dumps(document).encode(), PINNED)
    assert checks["pinned_certificates"].verdict == "Failed"
    assert "as Terraform sends it" in (checks["pinned_certificates"].message or "")
    # With padding it is no thumbprint of anything, which also those see who do not know the certificates.
    assert checks["shares"].verdict == ("Failed" if padded else "Passed")


def test_what_is_gone_is_told() -> None:
    first, *others = check_security_domain(None, PINNED)
    assert (first.name, first.verdict, first.message) == ("stored", "Failed", "It is not there.")
    assert {check.verdict for check in others} == {"Skipped"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xef\xbb\xbf{}",
        b'"\xff"',
        b'{"version": 2.0}',
        b'{"version": NaN}',
        b'{"a":1,"a":1}',
    ],
)
def test_what_is_no_document_is_told_by_its_first_check(content: bytes) -> None:
    checks = told(content, PINNED)
    assert checks["document"].verdict == "Failed"
    after = list(CHECKS)[list(CHECKS).index("document") + 1 :]
    assert {checks[name].verdict for name in after} == {"Skipped"}


def test_all_checks_are_made_each_time_in_their_order() -> None:
    whole = read(f"{FOLDER}/security-domain.json").encode()
    for content in (None, b"", b"{}", whole, changed(quorum(9))):
        checks = check_security_domain(content, PINNED)
        assert [(check.name, check.title) for check in checks] == list(CHECKS.items())


def test_a_share_is_found_by_its_certificate_only() -> None:
    domain = read_security_domain(read(f"{FOLDER}/security-domain.json").encode())
    for certificate in PINNED.certificates or []:
        assert domain.find_share(certificate.thumbprint).x5t_256 == certificate.thumbprint
