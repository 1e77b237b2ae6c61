"""`check-share`: the routine check, in which one custodian opens their own share and gives nothing of it away."""

from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from custodian.errors import CustodianError
from custodian.files import read_file, require_new, write_new
from custodian.given_keys import read_certificates, read_own_key
from custodian.private_keys import PrivateKey
from custodian.results import Result, make_pairs, write_document
from custodian.security_domains import StoredDomain, open_own_share, read_stored_domain
from domain.security_domain.documents import read_document
from domain.security_domain.errors import SecurityDomainError
from domain.share_checks import ALGORITHM, NONCE_BYTES, ShareAnswer, ShareChallenge, prove

_OPENED: Final = "Your share opens and is whole. It was not kept."


def check_share(arguments: Namespace) -> Result:
    """Open one's own share, forget it, and answer the challenge where there is one."""
    if arguments.output:
        require_new(arguments.output)
    stored = read_stored_domain(arguments.file)
    challenge = _read_challenge(arguments.challenge, stored) if arguments.challenge else None
    key = read_own_key(arguments)
    thumbprint = open_own_share(stored, key, read_certificates(arguments)).thumbprint
    about = [
        ("file", stored.file),
        ("SHA-256", stored.sha256),
        ("share", f"{stored.number_of(thumbprint)} of {len(stored.domain.shared_keys.enc_shares)}, {thumbprint}"),
        ("opened by", key.name),
    ]
    lines = [*make_pairs(about), "", _OPENED]
    if challenge is None:
        return Result(lines, {"securityDomainSha256": stored.sha256, "thumbprint": thumbprint, "opened": True})
    answer = _answer(challenge, key, thumbprint).model_dump(by_alias=True)
    if arguments.output:
        write_new(arguments.output, write_document(answer).encode())
        return Result([*lines, *_warn(challenge), f"The answer is in {arguments.output}: send it back."], answer)
    return Result([*lines, *_warn(challenge), "The answer, to be sent back:", *_write(answer)], answer)


def _read_challenge(path: Path, stored: StoredDomain) -> ShareChallenge:
    try:
        challenge = ShareChallenge.model_validate(read_document(read_file(path), "a challenge"))
    except (SecurityDomainError, ValidationError):
        raise CustodianError("challenge_unreadable", f"{path} is not the challenge of a share.") from None
    if challenge.security_domain_sha256 != stored.sha256:
        raise CustodianError(
            "challenge_of_another_file",
            f"{path.name} asks for the file with the SHA-256 {challenge.security_domain_sha256}; "
            f"{stored.file} has {stored.sha256}: one of them is not the stored one.",
        )
    return challenge


def _answer(challenge: ShareChallenge, key: PrivateKey, thumbprint: str) -> ShareAnswer:
    if challenge.thumbprint != thumbprint:
        raise CustodianError(
            "challenge_for_another_key",
            f"The challenge is for the certificate {challenge.thumbprint}; {key.name} has {thumbprint}.",
        )
    nonce = _open_nonce(challenge, key)
    return ShareAnswer(
        challenge_id=challenge.id,
        security_domain_sha256=challenge.security_domain_sha256,
        thumbprint=thumbprint,
        proof=prove(nonce, challenge.id, challenge.security_domain_sha256, thumbprint),
    )


def _open_nonce(challenge: ShareChallenge, key: PrivateKey) -> bytes:
    from domain.security_domain.encoding import decode

    try:
        nonce = key.unwrap(ALGORITHM, decode(challenge.encrypted_nonce))
    except ValueError:
        nonce = b""
    # Whatever else the key opens, such as a share's own key, is nobody's to ask for.
    if len(nonce) != NONCE_BYTES:
        raise CustodianError("challenge_not_opened", f"{key.name} does not open the challenge: it is damaged.")
    return nonce


def _warn(challenge: ShareChallenge) -> list[str]:
    """Say that a challenge is over by this machine's clock, which may be wrong; who asked decides."""
    if challenge.expires_at > datetime.now(UTC):
        return []
    return [f"By this machine's clock it expired at {challenge.expires_at:%Y-%m-%d %H:%M} UTC: ask for another one."]


def _write(answer: dict[str, str]) -> list[str]:
    return ["", *write_document(answer).splitlines()]
