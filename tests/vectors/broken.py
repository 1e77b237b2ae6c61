"""Security domains that are broken, each in one way, and the finding that each must give."""

import base64
import copy
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate

from tests.security_domain_opener import decode
from tests.vectors.sealing import encode, seal_share, seal_to, split
from tests.vectors.seeded import Stream

type Document = dict[str, Any]


class Base(NamedTuple):
    """What all are made of: a whole security domain of three custodians and quorum 2, with all its secrets."""

    document: Document
    expected: Document
    certificates: Sequence[Certificate]


class Broken(NamedTuple):
    """One way to break it; `checks` are the checks that must fail, `opening` the code that opening it must give."""

    change: Callable[[Document, Base], object]
    checks: Sequence[str] = ()
    opening: str | None = None


def make_broken(
    document: Document, expected: Document, certificates: Sequence[Certificate]
) -> dict[str, tuple[str, Document]]:
    """Make every broken security domain, by its name, with its finding."""
    base = Base(document, expected, certificates)
    made = {}
    for name, broken in BROKEN.items():
        changed = copy.deepcopy(document)
        broken.change(changed, base)
        made[name] = (json.dumps(changed), _finding(broken))
    text = json.dumps(document)
    not_read = Broken(lambda *_: None, ["document"], "not_json")
    made["cut-off"] = (text[: len(text) // 2], _finding(not_read))
    made["a-member-twice"] = (text.replace('"required"', '"required": 2, "required"'), _finding(not_read))
    return made


def _finding(broken: Broken) -> Document:
    return {"checks": list(broken.checks), "opening": broken.opening}


def _shares(document: Document) -> list[dict[str, str]]:
    shares: list[dict[str, str]] = document["SharedKeys"]["enc_shares"]
    return shares


def _data(document: Document) -> list[dict[str, str]]:
    data: list[dict[str, str]] = document["EncData"]["data"]
    return data


def _change_part(holder: dict[str, str], name: str, number: int, change: Callable[[bytes], bytes]) -> None:
    """Change one of the five parts of a compact JWE."""
    parts = holder[name].split(".")
    parts[number] = encode(change(decode(parts[number])))
    holder[name] = ".".join(parts)


def _flip(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def _change_header(content: bytes, **members: str) -> bytes:
    return json.dumps({**json.loads(content), **members}, separators=(",", ":")).encode()


def _thumbprint_of_text(document: Document, base: Base) -> None:
    for share, certificate in zip(_shares(document), base.certificates, strict=True):
        text = base64.b64encode(certificate.public_bytes(Encoding.DER))
        share["x5t_256"] = base64.urlsafe_b64encode(hashlib.sha256(text).digest()).decode()


def _swap(items: list[dict[str, str]], name: str) -> None:
    items[0][name], items[1][name] = items[1][name], items[0][name]


def _reseal(document: Document, base: Base, index: int, content: bytes, **changes: str) -> None:
    """Encrypt something else to one custodian's certificate."""
    certificate, stream = base.certificates[index], Stream("broken")
    if changes:
        _shares(document)[index]["enc_key"] = seal_to(certificate, content, "none", stream, **changes)
    else:
        _shares(document)[index] = seal_share(certificate, content, stream)


def _share_of(base: Base, index: int) -> bytes:
    return bytes.fromhex(base.expected["shares"][index]["share"])


def _other_share(base: Base) -> bytes:
    """Make the third share of the same key by another polynomial."""
    master_key = bytes.fromhex(base.expected["master_key"])
    return split(master_key, [[index + 1] for index in range(32)], 3)[2]


def _value_outside_the_field(base: Base) -> bytes:
    share = _share_of(base, 2)
    return bytes([1, share[1] | 1]) + share[2:]


BROKEN: Final = {
    "version-3": Broken(lambda document, _: document.update(version=3), ["version"], "version_unknown"),
    "no-key-derivation": Broken(lambda document, _: document["EncData"].pop("kdf"), ["members"], "malformed"),
    "quorum-of-one": Broken(
        lambda document, _: document["SharedKeys"].update(required=1), ["quorum", "pinned_quorum"], "quorum_impossible"
    ),
    "quorum-above-the-shares": Broken(
        lambda document, _: document["SharedKeys"].update(required=4), ["quorum", "pinned_quorum"], "shares_too_few"
    ),
    "share-missing": Broken(
        lambda document, _: _shares(document).pop(), ["shares", "pinned_certificates"], "no_share_for_key"
    ),
    "share-twice": Broken(
        lambda document, _: _shares(document).append(_shares(document)[0]),
        ["shares", "pinned_certificates"],
        "no_share_for_key",
    ),
    "thumbprints-of-base64-text": Broken(_thumbprint_of_text, ["shares", "pinned_certificates"], "no_share_for_key"),
    "share-with-a-short-tag": Broken(
        lambda document, _: _change_part(_shares(document)[0], "enc_key", 4, lambda tag: tag[:16]),
        ["share_envelopes"],
        "share_damaged",
    ),
    "share-with-padding": Broken(
        lambda document, _: _shares(document)[0].update(enc_key=_shares(document)[0]["enc_key"] + "="),
        ["share_envelopes"],
        "share_damaged",
    ),
    "share-by-rsa1-5": Broken(
        lambda document, base: _reseal(document, base, 0, _share_of(base, 0), algorithm="RSA1_5"),
        ["share_envelopes"],
        "share_damaged",
    ),
    "share-too-long": Broken(
        lambda document, base: _reseal(document, base, 0, _share_of(base, 0) + _share_of(base, 0)[:32]),
        ["share_envelopes"],
        "share_malformed",
    ),
    "part-missing": Broken(lambda document, _: _data(document).pop(), ["parts"], None),
    "part-twice": Broken(lambda document, _: _data(document).append(_data(document)[0]), ["parts"], None),
    "parts-with-swapped-tags": Broken(
        lambda document, _: _swap(_data(document), "tag"), ["part_envelopes"], "part_damaged"
    ),
    "part-that-asks-for-inflation": Broken(
        lambda document, _: _change_part(
            _data(document)[0], "compact_jwe", 0, lambda header: _change_header(header, zip="DEF")
        ),
        ["part_envelopes"],
        "part_damaged",
    ),
    "part-with-another-algorithm": Broken(
        lambda document, _: _change_part(
            _data(document)[0], "compact_jwe", 0, lambda header: _change_header(header, enc="A256GCM")
        ),
        ["part_envelopes"],
        "part_damaged",
    ),
    # What follows nobody can tell without private keys.
    "shares-with-swapped-thumbprints": Broken(
        lambda document, _: _swap(_shares(document), "x5t_256"), opening="share_not_opened"
    ),
    "share-for-another-key": Broken(
        lambda document, base: _shares(document)[0].update(
            enc_key=seal_to(base.certificates[1], _share_of(base, 0), "none", Stream("broken"))
        ),
        opening="share_not_opened",
    ),
    "share-with-a-flipped-bit": Broken(
        lambda document, _: _change_part(_shares(document)[1], "enc_key", 3, _flip), opening="share_damaged"
    ),
    "share-of-another-holder": Broken(
        lambda document, base: _reseal(document, base, 2, _share_of(base, 0)), opening="shares_repeated"
    ),
    "share-of-another-polynomial": Broken(
        lambda document, base: _reseal(document, base, 2, _other_share(base)), opening="shares_contradict"
    ),
    "share-with-a-value-outside-the-field": Broken(
        lambda document, base: _reseal(document, base, 2, _value_outside_the_field(base)), opening="share_malformed"
    ),
    "part-with-a-flipped-bit": Broken(
        lambda document, _: _change_part(_data(document)[1], "compact_jwe", 3, _flip), opening="part_damaged"
    ),
    "part-with-a-flipped-tag": Broken(
        lambda document, _: _change_part(_data(document)[2], "compact_jwe", 4, _flip), opening="part_damaged"
    ),
}
