"""`inspect`: all that can be said of a security domain without a key."""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from custodian.certificates import NamedCertificate, public_key_of
from custodian.errors import BAD_ANSWER, DONE, CustodianError
from custodian.files import read_file, read_sha256, sha256_of
from custodian.given_keys import read_certificates
from custodian.results import Result, make_pairs, make_table
from domain.security_domain.checks import (
    Check,
    Pinned,
    PinnedCertificate,
    check_security_domain,
    find_faults,
)
from domain.security_domain.document import SecurityDomain, read_security_domain
from domain.security_domain.documents import read_document
from domain.security_domain.envelopes import read_envelope
from domain.security_domain.errors import SecurityDomainError
from domain.share_checks import Sha256

_SOUND: Final = "Nothing is wrong with it that can be seen without a key. Whether a share opens, only its key can say."
_FAULTY: Final = "It is not as it must be: do not rely on it, and say so."


class _Receipt(BaseModel):
    """What counts here of the service's receipt of a security domain."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    sha256: Sha256
    quorum: Annotated[int, Field(strict=True)]


def inspect(arguments: Namespace) -> Result:
    """Make every check, and list what there is."""
    content = read_file(arguments.file)
    certificates = read_certificates(arguments)
    found = check_security_domain(content, _pin(arguments, certificates))
    # Where it is stored is not seen from here.
    checks = [check for check in found if check.name != "stored"]
    try:
        domain = read_security_domain(content)
    except SecurityDomainError:
        domain = None
    faulty = bool(find_faults(checks))
    document: dict[str, Any] = {
        "file": str(arguments.file),
        "sha256": sha256_of(content),
        "size": len(content),
        **(_describe(domain, {certificate.thumbprint: certificate for certificate in certificates}) if domain else {}),
        "checks": [check.model_dump(exclude_none=True) for check in checks],
        "verdict": "Failed" if faulty else "Passed",
    }
    return Result(_write(arguments.file, document, checks), document, BAD_ANSWER if faulty else DONE)


def _pin(arguments: Namespace, certificates: Sequence[NamedCertificate]) -> Pinned:
    receipt = _read_receipt(arguments.receipt) if arguments.receipt else None
    sha256 = read_sha256(arguments.sha256, "--sha256") if arguments.sha256 else None
    pinned = [
        PinnedCertificate(certificate.thumbprint, certificate.der, public_key_of(certificate).key_size // 8)
        for certificate in certificates
    ]
    return Pinned(receipt.sha256 if receipt else sha256, receipt.quorum if receipt else None, pinned or None)


def _read_receipt(path: Path) -> _Receipt:
    try:
        return _Receipt.model_validate(read_document(read_file(path), "a receipt"))
    except (SecurityDomainError, ValidationError):
        raise CustodianError("receipt_unreadable", f"{path} is not the receipt of a security domain.") from None


def _describe(domain: SecurityDomain, certificates: Mapping[str, NamedCertificate]) -> dict[str, Any]:
    shares = [
        {
            "number": number,
            "thumbprint": share.x5t_256,
            **({"certificate": certificates[share.x5t_256].subject} if share.x5t_256 in certificates else {}),
        }
        for number, share in enumerate(domain.shared_keys.enc_shares, 1)
    ]
    parts = [{"tag": datum.tag, "size": _size(datum.compact_jwe)} for datum in domain.enc_data.data]
    return {"quorum": domain.shared_keys.required, "shares": shares, "parts": parts}


def _size(compact: str) -> int | None:
    try:
        return len(read_envelope(compact).ciphertext)
    except ValueError:
        return None


def _write(path: Path, document: Mapping[str, Any], checks: Sequence[Check]) -> list[str]:
    shares, parts = document.get("shares", []), document.get("parts", [])
    quorum = [("quorum", f"{document['quorum']} of {len(shares)}")] if shares else []
    about = [("file", str(path)), ("SHA-256", document["sha256"]), ("size", f"{document['size']:,} bytes"), *quorum]
    return [
        *make_pairs(about),
        *_titled(
            "shares", [[str(share["number"]), share["thumbprint"], share.get("certificate", "")] for share in shares]
        ),
        *_titled("parts", [[part["tag"], f"{part['size'] or 0:,} bytes, encrypted"] for part in parts]),
        *_titled("checks", [[check.verdict, check.name, check.message or check.title] for check in checks]),
        "",
        _FAULTY if document["verdict"] == "Failed" else _SOUND,
    ]


def _titled(title: str, rows: Sequence[Sequence[str]]) -> list[str]:
    return ["", title, *make_table(rows)] if rows else []
