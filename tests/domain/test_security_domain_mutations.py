"""Whatever is done to a security domain is found: by a check, or when it is opened; and if not, nothing is lost."""

import functools
import hashlib
import json
import re
import time
from collections import Counter
from typing import Any, Final, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.security_domain.checks import Pinned, check_security_domain, find_faults
from domain.security_domain.document import read_security_domain
from domain.security_domain.documents import LARGEST
from domain.security_domain.opening import Unwrap, open_data, open_share
from tests.domain.mutations import mutate
from tests.domain.named_errors import find_error
from tests.vectors.reading import read, read_json, read_keys, read_pinned, unwrap_with

CASES: Final = {
    # Name of the case, that of whose parts some are planted in it, and the step between changed bytes.
    "five-of-quorum-three": ("three-of-quorum-two", 29),
    "three-of-quorum-two": ("mixed-sizes", 41),
    "mixed-sizes": ("three-of-quorum-two", 67),
}
LONGEST_MESSAGE: Final = 800
MANY: Final = 2000
CODES: Final = frozenset(
    [
        "not_json",
        "version_1",
        "version_unknown",
        "malformed",
        "no_share_for_key",
        "share_not_opened",
        "share_damaged",
        "share_malformed",
        "quorum_impossible",
        "shares_too_few",
        "shares_repeated",
        "shares_contradict",
        "part_damaged",
    ]
)


class Case(NamedTuple):
    """A whole security domain, with all that can be known of it."""

    content: bytes
    pinned: Pinned
    unwraps: dict[str, Unwrap]
    plaintexts: dict[str, bytes]


@functools.cache
def read_case(name: str) -> Case:
    expected = read_json(f"{name}/expected.json")
    return Case(
        read(f"{name}/security-domain.json").encode(),
        read_pinned(expected, expected["sha256"]),
        {thumbprint: unwrap_with(key) for thumbprint, key in read_keys(expected).items()},
        {tag: bytes.fromhex(text) for tag, text in expected["plaintexts"].items()},
    )


def meaning(content: bytes) -> Any:
    """Say what a lenient reader would take a document for: what the format names, in any order."""
    try:
        document = json.loads(content)
        shared, data = document["SharedKeys"], document["EncData"]
        return repr(
            [
                document["version"],
                "SplitKeys" in document,
                data["kdf"],
                shared["key_algorithm"],
                shared["required"],
                sorted((repr(item["x5t_256"]), repr(item["enc_key"])) for item in shared["enc_shares"]),
                sorted((repr(item["tag"]), repr(item["compact_jwe"])) for item in data["data"]),
            ]
        )
    except (ValueError, KeyError, TypeError):
        return None


def open_in_every_way(content: bytes, case: Case) -> None:
    """Open each share, and the parts by all of them, the first quorum, the last one; raises SecurityDomainError."""
    domain = read_security_domain(content)
    shares = [open_share(domain, thumbprint, unwrap) for thumbprint, unwrap in case.unwraps.items()]
    quorum = case.pinned.quorum or 0
    for chosen in (shares, shares[:quorum], shares[-quorum:]):
        assert open_data(domain, chosen) == case.plaintexts


def find(content: bytes, case: Case) -> str:
    """Say where a change is found: by the checks alone, by them with what was pinned, when opened, or nowhere."""
    by_hash = check_security_domain(content, case.pinned)
    assert [check.verdict for check in by_hash if check.name == "hash"] == [
        "Passed" if content == case.content else "Failed"
    ]
    pinned = find_faults(check_security_domain(content, case.pinned._replace(sha256=None)))
    alone = find_faults(check_security_domain(content, Pinned()))
    assert set(alone) <= set(pinned)
    for check in by_hash:
        require_silent(check.message or "", content, case)
    if alone:
        return "checks"
    if pinned:
        return "pinned"
    error = find_error(lambda: open_in_every_way(content, case))
    if error is None:
        return "nowhere"
    assert error.code in CODES
    require_silent(error.message, content, case)
    return "opening"


def require_silent(message: str, content: bytes, case: Case) -> None:
    """Require that a message is short and repeats nothing of the content but tags, and thumbprints that are known."""
    assert len(message) <= LONGEST_MESSAGE
    public = {*case.plaintexts, *case.unwraps}
    told = [run for run in re.findall(r"[\w-]{16,}", message) if run not in public]
    assert not [run for run in told if run.encode() in content], message


def test_every_change_that_matters_is_found() -> None:
    found: Counter[str] = Counter()
    missed = []
    for name, (other, stride) in CASES.items():
        case = read_case(name)
        whole = meaning(case.content)
        changed = mutate(case.content.decode(), read(f"{other}/security-domain.json"), stride)
        for content, how in {content: how for how, content in changed}.items():
            where, matters = find(content, case), meaning(content) != whole
            if matters:
                found[where] += 1
            if matters and where == "nowhere":
                missed.append(f"{name}: {how}")
    assert missed == []
    assert found.total() >= MANY, found
    # Each way to find something finds what no earlier one did.
    assert found["checks"] > 0 < found["pinned"]
    # Flipped bits and parts of others are what only keys can tell.
    assert found["opening"] >= MANY // 2, found


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_found_in_what_is_whole(name: str) -> None:
    assert find(read_case(name).content, read_case(name)) == "nowhere"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4),
    max_leaves=12,
)


def shaped(draw: st.DrawFn) -> Any:
    """Draw a document of the format's form, with anything in any place."""

    def maybe(value: Any) -> Any:
        return draw(JSON) if draw(st.integers(0, 9)) == 0 else value

    whole = json.loads(read_case("three-of-quorum-two").content)
    texts = st.sampled_from(
        [share["enc_key"] for share in whole["SharedKeys"]["enc_shares"]]
        + [datum["compact_jwe"] for datum in whole["EncData"]["data"]]
    ) | st.text(alphabet="eyJA.=_-* ", max_size=80)
    names = st.sampled_from([share["x5t_256"] for share in whole["SharedKeys"]["enc_shares"]]) | st.text(max_size=50)
    tags = st.sampled_from(list(read_case("three-of-quorum-two").plaintexts)) | st.text(max_size=120)

    def some(count: int, **members: st.SearchStrategy[str]) -> list[Any]:
        numbers = range(draw(st.integers(0, count)))
        return [maybe({name: maybe(draw(values)) for name, values in members.items()}) for _ in numbers]

    data, shares = some(4, compact_jwe=texts, tag=tags), some(5, enc_key=texts, x5t_256=names)
    return {
        "EncData": maybe({"data": maybe(data), "kdf": maybe("sp108_kdf")}),
        "SharedKeys": maybe(
            {"enc_shares": maybe(shares), "key_algorithm": maybe("shamir_share"), "required": maybe(2)}
        ),
        "version": maybe(2),
    }


def require_found_or_whole(content: bytes) -> None:
    case = read_case("three-of-quorum-two")
    where = find(content, case)
    assert where != "nowhere" or meaning(content) == meaning(case.content)


@settings(derandomize=True, max_examples=500)
@given(document=JSON | st.composite(shaped)())
def test_any_json_is_read_or_named(document: Any) -> None:
    require_found_or_whole(json.dumps(document).encode())


@settings(derandomize=True, max_examples=300)
@given(content=st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_named(content: bytes) -> None:
    assert find(content, read_case("three-of-quorum-two")) == "checks"


@settings(derandomize=True, max_examples=500)
@given(data=st.data())
def test_several_changes_at_once_are_found(data: st.DataObject) -> None:
    content = bytearray(read_case("three-of-quorum-two").content)
    for _ in range(data.draw(st.integers(1, 5))):
        start = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(start, min(len(content), start + 50)))
        content[start:end] = data.draw(st.binary(max_size=4) | st.sampled_from([b"", b'"', b"}", b"]", b"A", b"."]))
    require_found_or_whole(bytes(content))


def nested(opening: str, closing: str) -> bytes:
    count = LARGEST // 2 - 1000
    return f'{{"a": {opening * count}{closing * count}, "version": 2}}'.encode()


def many(member: str, value: str) -> bytes:
    """Fill a list or an object of the format as far as a document goes."""
    items = ",".join([value] * ((LARGEST - 1000) // (len(value) + 1)))
    parts = {"data": "[]", "enc_shares": "[]", "SharedKeys.x": "1", member: f"[{items}]"}
    return (
        f'{{"EncData": {{"data": {parts["data"]}, "kdf": "sp108_kdf"}}, "SharedKeys": {{"enc_shares": '
        f'{parts["enc_shares"]}, "x": {parts["SharedKeys.x"]}, "key_algorithm": "shamir_share", "required": 2}}, '
        f'"version": 2}}'
    ).encode()


def with_one_text(count: int, member: str, text: str) -> bytes:
    document = json.loads(read_case("three-of-quorum-two").content)
    share = {**document["SharedKeys"]["enc_shares"][0], member: text}
    document["SharedKeys"]["enc_shares"] = [share] * count
    return json.dumps(document).encode()


HUGE: Final = {
    "too large": b" " * (LARGEST + 1),
    "whole but for its size": read_case("three-of-quorum-two").content + b" " * LARGEST,
    "deep lists": nested("[", "]"),
    "deep objects": nested('{"a":', "}"),
    "digits": b'{"version": ' + b"9" * (LARGEST - 20) + b"}",
    "many numbers": b'{"a": [' + b",".join([b"9" * 4000] * 240) + b"]}",
    "many members": b"{" + b",".join(f'"{number}":0'.encode() for number in range(80_000)) + b"}",
    "many parts": many("data", "{}"),
    "many parts that are none": many("data", "0"),
    "many shares": many("enc_shares", '{"enc_key":1,"x5t_256":[]}'),
    "many small things": many("SharedKeys.x", "[]"),
    "126 shares": with_one_text(126, "enc_key", "." * 7000),
    "126 shares of dots": with_one_text(126, "enc_key", "AAAA." * 4 + "A" * 6000),
    "126 long names": with_one_text(126, "x5t_256", "x" * 7000),
    "a large header": with_one_text(1, "enc_key", "e30" * 300_000 + "...."),
}


@pytest.mark.parametrize("content", HUGE.values(), ids=HUGE)
def test_what_is_huge_is_told_soon_and_in_few_words(content: bytes) -> None:
    started = time.process_time()
    checks = check_security_domain(content, read_case("three-of-quorum-two").pinned._replace(sha256=None))
    assert time.process_time() - started < 3
    assert find_faults(checks)
    assert all(len(check.message or "") <= LONGEST_MESSAGE for check in checks)


def test_a_name_that_is_made_up_is_not_repeated() -> None:
    secret = "what-nobody-is-to-see-in-a-message"
    document = json.loads(read_case("three-of-quorum-two").content)
    document[secret] = document["EncData"][secret] = document["SharedKeys"][secret] = secret
    document["EncData"]["data"][0][secret] = document["SharedKeys"]["enc_shares"][0][secret] = secret
    checks = check_security_domain(json.dumps(document).encode(), Pinned())
    (told,) = [check for check in checks if check.verdict == "Warning"]
    assert (told.name, secret in (told.message or "")) == ("members", False)
    document["EncData"]["data"] = {secret: secret}
    assert secret not in " ".join(find_faults(check_security_domain(json.dumps(document).encode(), Pinned())))


def test_the_hash_finds_what_means_the_same() -> None:
    case = read_case("three-of-quorum-two")
    spaced = json.dumps(json.loads(case.content), indent=1).encode()
    assert find(spaced, case) == "nowhere"
    assert hashlib.sha256(spaced).hexdigest() != case.pinned.sha256
    assert find_faults(check_security_domain(spaced, case.pinned)) == ["Its SHA-256 is not the receipt's."]
