"""`drill`, `open-share` and `restore-blob`: what opens shares."""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from custodian.certificates import SHORTEST_KEY, NamedCertificate, read_certificate
from custodian.errors import CustodianError
from custodian.files import group_sha256, read_file, read_sha256, require_new, sha256_of, write_new
from custodian.given_keys import open_shares, read_certificates, read_own_key
from custodian.prompts import ask_line
from custodian.results import Result, make_pairs, make_table, write_document
from custodian.security_domains import OpenedShare, StoredDomain, open_own_share, read_stored_domain
from custodian.share_envelopes import seal_share
from domain.security_domain.opening import open_data
from domain.security_domain.restoring import TransferKey, check_restore_blob, make_restore_blob, read_transfer_key

_DRILLED: Final = (
    "These shares open all of it, and every part is whole. Nothing was kept.",
    "That an HSM takes it, only a restore shows.",
)
_NOT_VERIFIED: Final = (
    "Not verified: that the transfer key is of the HSM that you mean. The attestation in its certificate is not",
    "checked: all that stands for it is the SHA-256 that you gave, and the way by which you got it.",
)


def drill(arguments: Namespace) -> Result:
    """Open all of it, tell what that proved, and forget it."""
    stored = read_stored_domain(arguments.file)
    shares = open_shares(arguments, stored)
    sizes = _measure(open_data(stored.domain, [opened.share for opened in shares]))
    lines = [*make_pairs(_about(stored)), *_list(stored, shares, sizes), "", *_DRILLED]
    return Result(lines, _describe(stored, shares, sizes))


def open_own(arguments: Namespace) -> Result:
    """Open one's own share, for the machine of an opening and nobody else."""
    require_new(arguments.output)
    stored = read_stored_domain(arguments.file)
    recipient = read_certificate(arguments.recipient)
    _confirm(recipient, arguments.fingerprint)
    key = read_own_key(arguments)
    opened = open_own_share(stored, key, read_certificates(arguments))
    envelope = seal_share(opened, stored, recipient).model_dump(by_alias=True)
    write_new(arguments.output, write_document(envelope).encode())
    share = f"{stored.number_of(opened.thumbprint)} of {len(stored.domain.shared_keys.enc_shares)}, {opened.thumbprint}"
    about = [("share", share), ("opened by", key.name), ("for", recipient.sha256), ("envelope", str(arguments.output))]
    lines = [*make_pairs([*_about(stored), *about]), "", "Only that machine opens the envelope. Send it there."]
    document = {name: value for name, value in envelope.items() if name != "jwe"}
    return Result(lines, {**document, "output": str(arguments.output)})


def restore(arguments: Namespace) -> Result:
    """Write the restore blob for another HSM."""
    require_new(arguments.output)
    transfer_key = _read_transfer_key(arguments)
    stored = read_stored_domain(arguments.file)
    shares = open_shares(arguments, stored)
    data = open_data(stored.domain, [opened.share for opened in shares])
    blob = make_restore_blob(data, transfer_key).encode()
    check_restore_blob(blob, transfer_key.thumbprint, transfer_key.modulus_bytes)
    write_new(arguments.output, blob)
    sizes = _measure(data)
    made = [
        ("transfer key", transfer_key.sha256),
        ("restore blob", str(arguments.output)),
        ("SHA-256", sha256_of(blob)),
    ]
    lines = [*make_pairs(_about(stored)), *_list(stored, shares, sizes), "", *make_pairs(made), "", *_NOT_VERIFIED]
    document = {
        **_describe(stored, shares, sizes),
        "transferKeySha256": transfer_key.sha256,
        "output": str(arguments.output),
        "outputSha256": sha256_of(blob),
        "notVerified": " ".join(_NOT_VERIFIED),
    }
    return Result(lines, document)


def _confirm(recipient: NamedCertificate, fingerprint: str | None) -> None:
    """Compare the fingerprint with what is read aloud; raises CustodianError `fingerprint_differs`."""
    if fingerprint is not None:
        same = read_sha256(fingerprint, "--fingerprint") == recipient.sha256
    else:
        *shown, last = group_sha256(recipient.sha256)
        spoken = ask_line(
            f"The fingerprint of {recipient.source} begins: {' '.join(shown)}\n"
            "Let it be read aloud to you from the machine of the opening, and compare.\n"
            "If all of that is the same, type the last group as you hear it: "
        )
        same = spoken.lower() == last
    if not same:
        raise CustodianError(
            "fingerprint_differs", f"{recipient.source} is not the key of the machine of the opening: give nothing."
        )


def _read_transfer_key(arguments: Namespace) -> TransferKey:
    """Read the transfer key and hold it against the SHA-256 that came by a second way; raises CustodianError."""
    path: Path = arguments.transfer_key
    if arguments.transfer_key_sha256 is None:
        raise CustodianError(
            "transfer_key_sha256_needed",
            "Whoever has the key's other half has the HSM: get the SHA-256 of its certificate yourself, by another way "
            "than the file (az keyvault security-domain init-recovery), and give it: --transfer-key-sha256 HEX.",
        )
    expected = read_sha256(arguments.transfer_key_sha256, "--transfer-key-sha256")
    try:
        text = read_file(path).decode()
    except UnicodeDecodeError:
        text = ""
    key = read_transfer_key(text)
    if key.modulus_bytes * 8 < SHORTEST_KEY:
        raise CustodianError("transfer_key_unreadable", f"{path.name} is no transfer key of an HSM: it is too short.")
    if key.sha256 != expected:
        raise CustodianError(
            "transfer_key_differs", f"{path.name} has the SHA-256 {key.sha256}, not the one that you gave: stop here."
        )
    return key


def _measure(data: Mapping[str, bytes]) -> dict[str, int]:
    return {tag: len(content) for tag, content in data.items()}


def _about(stored: StoredDomain) -> list[tuple[str, str]]:
    quorum = f"{stored.domain.shared_keys.required} of {len(stored.domain.shared_keys.enc_shares)}"
    return [("file", stored.file), ("SHA-256", stored.sha256), ("quorum", quorum)]


def _list(stored: StoredDomain, shares: Sequence[OpenedShare], sizes: Mapping[str, int]) -> list[str]:
    opened = [[str(stored.number_of(share.thumbprint)), share.thumbprint, f"by {share.opened_by}"] for share in shares]
    parts = [[tag, f"{size:,} bytes"] for tag, size in sizes.items()]
    return ["", "opened shares", *make_table(opened), "", "opened parts", *make_table(parts)]


def _describe(stored: StoredDomain, shares: Sequence[OpenedShare], sizes: Mapping[str, int]) -> dict[str, Any]:
    return {
        "securityDomainSha256": stored.sha256,
        "quorum": stored.domain.shared_keys.required,
        "shares": [
            {
                "number": stored.number_of(share.thumbprint),
                "thumbprint": share.thumbprint,
                "openedBy": share.opened_by,
            }
            for share in shares
        ],
        "parts": [{"tag": tag, "size": size} for tag, size in sizes.items()],
    }
