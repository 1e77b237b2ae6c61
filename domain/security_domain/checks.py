"""All that can be said of a security domain without a private key: every check by its name, one by one."""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from domain.model import Model
from domain.security_domain.document import (
    PARTS,
    WHAT,
    SecurityDomain,
    find_unknown_members,
    read_security_domain,
)
from domain.security_domain.documents import read_document
from domain.security_domain.encoding import decode, encode
from domain.security_domain.envelopes import ENCRYPTION, UNKNOWN_TO_TOOLS, Envelope, read_envelope
from domain.security_domain.errors import SecurityDomainError

QUORUMS: Final = range(2, 11)
SHARES: Final = range(3, 11)
MODULUS_BYTES: Final = (256, 384, 512)
# A share of 32 words fills four blocks, and the padding a fifth.
SHARE_CIPHERTEXT_BYTES: Final = 80
# Every restore tool knows both; HSMs write the first.
WRAPPINGS: Final = ("RSA-OAEP-256", "RSA-OAEP")

CheckVerdict = Literal["Passed", "Failed", "Warning", "Skipped"]

CHECKS: Final = {
    "stored": "It is where the receipt says",
    "hash": "Its bytes are those of the receipt",
    "document": "It is JSON, each member once",
    "version": "It is version 2 of the format",
    "members": "It has the members of the format",
    "quorum": "Its quorum can be met",
    "shares": "Each of its shares is for another certificate",
    "share_envelopes": "Each share is a JWE to a wrapping key",
    "parts": "It has each part of the HSM's secrets once",
    "part_envelopes": "Each part is a JWE under the key of its tag",
    "pinned_quorum": "Its quorum is the one that was asked for",
    "pinned_certificates": "It has one share for each pinned certificate, and no other",
    "pinned_key_sizes": "Each share is as long as its certificate's key makes it",
}


class Check(Model):
    """One check of a security domain."""

    name: str
    """Its stable name."""
    title: str
    """What is checked, in words for people."""
    verdict: CheckVerdict
    """How it came out. One is skipped where it cannot be made, or it is not known what must be."""
    message: str | None = None
    """What it found, in words that hold nothing of the content. Absent where it passed."""


class PinnedCertificate(NamedTuple):
    """A wrapping certificate that there is to be a share for; `modulus_bytes` is the length of its RSA modulus."""

    thumbprint: str
    der: bytes
    modulus_bytes: int


class Pinned(NamedTuple):
    """What was pinned before the security domain was made; each None where that is not known."""

    sha256: str | None = None
    quorum: int | None = None
    certificates: Sequence[PinnedCertificate] | None = None


class _Finding(NamedTuple):
    verdict: CheckVerdict
    message: str | None = None


_PASSED: Final = _Finding("Passed")
_UNREADABLE: Final = _Finding("Skipped", "Not checked: it cannot be read.")
_NOT_PINNED: Final = _Finding("Skipped", "Not checked: it is not known what this must be.")


def check_security_domain(content: bytes | None, pinned: Pinned) -> list[Check]:
    """Make every check; what cannot be made any more after another one failed is skipped.

    Without any content what is stored is gone.
    """
    if content is None:
        return _list_checks({"stored": _Finding("Failed", "It is not there.")})
    findings = {"stored": _PASSED, "hash": _check_hash(content, pinned.sha256)}
    domain, read = _read(content)
    findings |= read
    if domain is not None:
        findings |= _check_form(domain) | _check_pinned(domain, pinned)
    return _list_checks(findings)


def _list_checks(findings: Mapping[str, _Finding]) -> list[Check]:
    return [
        Check(name=name, title=title, verdict=finding.verdict, message=finding.message)
        for name, title in CHECKS.items()
        for finding in [findings.get(name, _UNREADABLE)]
    ]


def find_faults(checks: Iterable[Check]) -> list[str]:
    """Say what failed; an empty list where all that could be checked is right."""
    return [check.message or check.title for check in checks if check.verdict == "Failed"]


def _check_hash(content: bytes, sha256: str | None) -> _Finding:
    if sha256 is None:
        return _NOT_PINNED
    return (
        _PASSED
        if hashlib.sha256(content).hexdigest() == sha256
        else _Finding("Failed", "Its SHA-256 is not the receipt's.")
    )


_READ: Final = {"not_json": "document", "version_1": "version", "version_unknown": "version", "malformed": "members"}


def _read(content: bytes) -> tuple[SecurityDomain | None, dict[str, _Finding]]:
    """Read it as far as that goes; what was passed on the way is said."""
    order = list(dict.fromkeys(_READ.values()))
    try:
        domain = read_security_domain(content)
    except SecurityDomainError as error:
        failed = _READ[error.code]
        passed = order[: order.index(failed)]
        return None, {**dict.fromkeys(passed, _PASSED), failed: _Finding("Failed", error.message)}
    unknown = find_unknown_members(read_document(content, WHAT))
    members = _PASSED
    if unknown:
        members = _Finding("Warning", f"There are members that the format does not have: {_list(unknown)}.")
    return domain, {**dict.fromkeys(order, _PASSED), "members": members}


def _check_form(domain: SecurityDomain) -> dict[str, _Finding]:
    shared, data = domain.shared_keys, domain.enc_data.data
    thumbprints = [share.x5t_256 for share in shared.enc_shares]
    return {
        "quorum": _check_quorum(shared.required, len(thumbprints)),
        "shares": _check_shares(thumbprints),
        "share_envelopes": _check_envelopes(
            "share", [_find_share_fault(_read_envelope(share.enc_key)) for share in shared.enc_shares]
        ),
        "parts": _check_parts([datum.tag for datum in data]),
        "part_envelopes": _check_envelopes(
            "part", [_find_datum_fault(_read_envelope(datum.compact_jwe), datum.tag) for datum in data]
        ),
    }


def _check_quorum(quorum: int, shares: int) -> _Finding:
    if quorum not in QUORUMS:
        return _Finding("Failed", "The quorum is not between 2 and 10.")
    if quorum > shares:
        return _Finding("Failed", f"The quorum is {quorum}, and there are {shares} shares: nobody can open it.")
    if quorum == shares:
        return _Finding("Warning", "The quorum is all shares: losing one key loses the security domain.")
    return _PASSED


def _check_shares(thumbprints: Sequence[str]) -> _Finding:
    if len(thumbprints) not in SHARES:
        return _Finding("Failed", f"There are {len(thumbprints)} shares; an HSM makes 3 to 10.")
    misnamed = [number for number, thumbprint in enumerate(thumbprints, 1) if not _is_thumbprint(thumbprint)]
    if misnamed:
        return _Finding("Failed", f"share {misnamed[0]}: it names its certificate by no SHA-256 in base64url.")
    if len(set(thumbprints)) < len(thumbprints):
        return _Finding("Failed", "Two shares are for the same certificate.")
    return _PASSED


def _is_thumbprint(text: str) -> bool:
    try:
        return len(decode(text)) == hashlib.sha256().digest_size
    except ValueError:
        return False


def _check_parts(tags: Sequence[str]) -> _Finding:
    counted = Counter(tags)
    if any(count > 1 for count in counted.values()):
        return _Finding("Failed", "A part of the HSM's secrets comes twice.")
    missing = [tag for tag in PARTS if tag not in counted]
    if missing:
        return _Finding("Failed", f"Parts of the HSM's secrets are missing: {_list(missing)}.")
    if len(counted) > len(PARTS):
        return _Finding("Warning", "It has a part that no security domain had when this was written.")
    return _PASSED


def _check_envelopes(what: str, faults: Sequence[_Finding | None]) -> _Finding:
    """Say of the worst faults which shares or parts they are of, counted from 1."""
    for verdict in ("Failed", "Warning"):
        told = [
            f"{what} {number}: {fault.message}"
            for number, fault in enumerate(faults, 1)
            if fault is not None and fault.verdict == verdict
        ]
        if told:
            return _Finding(verdict, f"{_list(told, '; ')}.")
    return _PASSED


def _find_share_fault(envelope: Envelope | _Finding) -> _Finding | None:
    if isinstance(envelope, _Finding):
        return envelope
    header = envelope.header
    if header.get("alg") not in WRAPPINGS or header.get("enc") != ENCRYPTION:
        return _Finding("Failed", "its algorithms are not those of a share")
    if len(envelope.encrypted_key) not in MODULUS_BYTES:
        return _Finding("Failed", "its encrypted key is not of an RSA key of 2048, 3072 or 4096 bits")
    if len(envelope.ciphertext) != SHARE_CIPHERTEXT_BYTES:
        return _Finding("Failed", "it does not have the length of a share")
    return _find_header_fault(envelope)


def _find_datum_fault(envelope: Envelope | _Finding, tag: str) -> _Finding | None:
    if isinstance(envelope, _Finding):
        return envelope
    expected = {"alg": "dir", "enc": ENCRYPTION, "kid": tag}
    if any(envelope.header.get(name) != value for name, value in expected.items()):
        return _Finding("Failed", "its header is not that of a part with its tag")
    if envelope.encrypted_key:
        return _Finding("Failed", "it has an encrypted key, where its key is derived")
    return _find_header_fault(envelope)


def _find_header_fault(envelope: Envelope) -> _Finding | None:
    unknown = envelope.header.keys() - {"alg", "enc", "kid"}
    if unknown & UNKNOWN_TO_TOOLS:
        return _Finding("Failed", "its header asks for what no restore tool does")
    return _Finding("Warning", "its header has members that the format does not have") if unknown else None


def _read_envelope(compact: str) -> Envelope | _Finding:
    try:
        return read_envelope(compact)
    except ValueError as error:
        return _Finding("Failed", str(error))


def _check_pinned(domain: SecurityDomain, pinned: Pinned) -> dict[str, _Finding]:
    quorum, certificates = _NOT_PINNED, _NOT_PINNED
    if pinned.quorum is not None:
        same = domain.shared_keys.required == pinned.quorum
        quorum = _PASSED if same else _Finding("Failed", f"The quorum is not {pinned.quorum}.")
    sizes = _NOT_PINNED
    if pinned.certificates is not None:
        certificates = _check_certificates(domain, pinned.certificates)
        sizes = _check_key_sizes(domain, pinned.certificates)
    return {"pinned_quorum": quorum, "pinned_certificates": certificates, "pinned_key_sizes": sizes}


def _check_certificates(domain: SecurityDomain, certificates: Sequence[PinnedCertificate]) -> _Finding:
    found = Counter(share.x5t_256 for share in domain.shared_keys.enc_shares)
    wanted = Counter(certificate.thumbprint for certificate in certificates)
    if found == wanted:
        return _PASSED
    of_text = {_thumbprint_of_text(certificate.der) for certificate in certificates}
    if any(thumbprint.rstrip("=") in of_text for thumbprint in found):
        return _Finding(
            "Failed",
            "A share is named by the SHA-256 of its certificate's base64 text, as Terraform sends it, not of "
            "the DER: no restore tool finds it by that.",
        )
    missing = list((wanted - found).elements())
    foreign = (found - wanted).total()
    told = [f"no share for the certificate {thumbprint}" for thumbprint in missing]
    told += [f"{foreign} {'share' if foreign == 1 else 'shares'} for other certificates"] if foreign else []
    return _Finding("Failed", f"It has {_list(told, '; ')}.")


def _thumbprint_of_text(der: bytes) -> str:
    """Give what azurerm sends as a thumbprint (hashicorp/terraform-provider-azurerm, security domain download)."""
    return encode(hashlib.sha256(base64.b64encode(der)).digest())


def _check_key_sizes(domain: SecurityDomain, certificates: Sequence[PinnedCertificate]) -> _Finding:
    sizes = {certificate.thumbprint: certificate.modulus_bytes for certificate in certificates}
    for number, share in enumerate(domain.shared_keys.enc_shares, 1):
        envelope = _read_envelope(share.enc_key)
        expected = sizes.get(share.x5t_256)
        if isinstance(envelope, Envelope) and expected and len(envelope.encrypted_key) != expected:
            return _Finding("Failed", f"share {number}: its encrypted key has not the length of its certificate's key.")
    return _PASSED


def _list(items: Sequence[str], separator: str = ", ") -> str:
    """List the first five, however many there are."""
    more = f"{separator}and {len(items) - 5} more" if len(items) > 5 else ""
    return separator.join(items[:5]) + more
