"""Share checks, as the API has them: a custodian proves that they can still open their share."""

import hmac
import re
from datetime import UTC, datetime, timedelta
from typing import Final

from clients import share_checks
from domain.errors import FieldError, refused_fields, service_error
from domain.records import PinnedKey, sha256_of
from domain.requests import parse_body
from domain.settings import settings
from domain.share_check_records import (
    AnswerAccepted,
    AnsweredCheck,
    AskedCheck,
    CustodianChecks,
    ShareCheckRequest,
    ShareChecks,
)
from domain.share_checks import ShareAnswer, ShareChallenge, encrypt_nonce, new_nonce, prove
from domain.verifications import LastCheck, judge_offline
from domain.wrapping_keys import WrappingKeyFault, read_pem
from triggers.door.auditing import record_share_check
from triggers.door.calls import Answer, Call
from triggers.hsms.resource import hsm_name
from triggers.hsms.security_domain import KeptDomain, find_kept_domain

_ID: Final = re.compile("[0-9A-HJKMNP-TV-Z]{26}")


def ask_share_check(call: Call) -> Answer:
    """Make a challenge for the holder of one wrapping key; of its nonce only what it proves is kept."""
    from ulid import ULID

    name = hsm_name(call)
    kept = find_kept_domain(call, name)
    key = _find_key(kept, parse_body(ShareCheckRequest, call.body).thumbprint)
    now, nonce, sha256 = _now(), new_nonce(), kept.receipt.sha256
    challenge = ShareChallenge(
        id=str(ULID()),
        hsm=name,
        security_domain_sha256=sha256,
        thumbprint=key.thumbprint,
        encrypted_nonce=encrypt_nonce(nonce, _read_der(key)),
        expires_at=now + timedelta(days=settings().share_check_answer_days),
    )
    asked = AskedCheck(
        **challenge.model_dump(exclude={"encrypted_nonce"}),
        team=kept.claim.team,
        proof_sha256=sha256_of(prove(nonce, challenge.id, sha256, key.thumbprint).encode()),
        by=call.caller.principal,
        at=now,
    )
    record_share_check(asked, kept.receipt.operation_id, call, "asked")
    share_checks.create_asked(asked)
    return Answer(201, challenge)


def answer_share_check(call: Call) -> Answer:
    """Judge an answer, and record the one that proves it; sent again by the same caller it is answered the same."""
    name = hsm_name(call)
    kept = find_kept_domain(call, name)
    asked = _find_asked(kept, call.path["check"])
    answer = parse_body(ShareAnswer, call.body)
    answered = share_checks.find_answered(name, asked.id)
    if answered is None:
        answered = _accept(call, kept, asked, answer)
    _require_same(answered, call, asked, answer)
    # Sent again it is recorded again: the first time we may have died before it was.
    record_share_check(asked, kept.receipt.operation_id, call, "answered")
    return Answer(200, AnswerAccepted(hsm=name, thumbprint=answered.thumbprint, check=answered.as_last()))


def list_share_checks(call: Call) -> Answer:
    """Say of each share when it was last checked, and whether that counts."""
    name = hsm_name(call)
    kept = find_kept_domain(call, name)
    last = share_checks.find_last_checks(name, kept.claim.team)
    custodians = [
        CustodianChecks(
            custodian=key.custodian,
            thumbprint=key.thumbprint,
            counts=_counts(last.get(key.thumbprint), kept),
            last_check=last.get(key.thumbprint),
        )
        for key in kept.plan.wrapping_keys
    ]
    return Answer(200, ShareChecks(hsm=name, security_domain_sha256=kept.receipt.sha256, custodians=custodians))


def _find_asked(kept: KeptDomain, check_id: str) -> AskedCheck:
    asked = share_checks.find_asked(kept.claim.hsm, check_id) if _ID.fullmatch(check_id) else None
    if asked is None or asked.team != kept.claim.team:
        raise service_error(
            "share_check_not_found", "This HSM has no share check of that id.", advice="Check the id, or ask for one."
        )
    return asked


def _counts(check: LastCheck | None, kept: KeptDomain) -> bool:
    return judge_offline(check, kept.receipt.sha256, _now(), settings().share_check_valid_days) == "Usable"


def _find_key(kept: KeptDomain, thumbprint: str) -> PinnedKey:
    for key in kept.plan.wrapping_keys:
        if key.thumbprint == thumbprint:
            return key
    message = "No share of the stored security domain is for this certificate."
    raise refused_fields([FieldError(field="thumbprint", message=message, code="thumbprint_unknown")])


def _read_der(key: PinnedKey) -> bytes:
    certificate = read_pem(key.pem)
    if isinstance(certificate, WrappingKeyFault):
        raise service_error(
            "plan_damaged", "The plan holds an unreadable certificate.", advice="Restore plan.json in the archive."
        )
    return certificate.der


def _accept(call: Call, kept: KeptDomain, asked: AskedCheck, answer: ShareAnswer) -> AnsweredCheck:
    """Judge the first answer that could be right; raises ServiceError `share_check_...` and `invalid_field`."""
    now = _now()
    if asked.expired(now):
        raise service_error(
            "share_check_expired", "The time to answer this share check is over.", advice="Ask for another one."
        )
    _require_of_challenge(asked, answer)
    if not answer.security_domain_sha256 == asked.security_domain_sha256 == kept.receipt.sha256:
        raise _of_another_domain()
    if not share_checks.take_try(asked.hsm, asked.id):
        raise service_error(
            "share_check_exhausted",
            "This share check was answered wrongly too often: no answer is taken any more.",
            advice="Ask for another one.",
        )
    if not _proves(asked, answer):
        raise _wrong_proof()
    record_share_check(asked, kept.receipt.operation_id, call, "asked_answered")
    return share_checks.create_answered(
        asked.hsm,
        AnsweredCheck(
            id=asked.id,
            team=asked.team,
            security_domain_sha256=asked.security_domain_sha256,
            thumbprint=asked.thumbprint,
            by=call.caller.principal,
            at=now,
        ),
    )


def _require_of_challenge(asked: AskedCheck, answer: ShareAnswer) -> None:
    told = {"challengeId": (answer.challenge_id, asked.id), "thumbprint": (answer.thumbprint, asked.thumbprint)}
    errors = [
        FieldError(field=name, message="This is not the challenge's.", code="invalid_field")
        for name, (given, wanted) in told.items()
        if given != wanted
    ]
    if errors:
        raise refused_fields(errors)


def _proves(asked: AskedCheck, answer: ShareAnswer) -> bool:
    return hmac.compare_digest(sha256_of(answer.proof.encode()), asked.proof_sha256)


def _require_same(answered: AnsweredCheck, call: Call, asked: AskedCheck, answer: ShareAnswer) -> None:
    """Let the sender of the answer that holds ask what came of it: its first answer may have been lost on the way."""
    if answered.by != call.caller.principal or not _proves(asked, answer):
        raise service_error(
            "share_check_answered",
            "This share check was answered already.",
            advice="Nothing is left to do. List the share checks for who answered, and when; or ask for another one.",
        )


def _of_another_domain() -> Exception:
    return service_error(
        "share_check_of_another_domain",
        "The answer is of other bytes than the challenge, or the HSM has another security domain by now.",
        advice="Open the share of the security domain that is stored now. If it was downloaded again, ask for another "
        "share check.",
    )


def _wrong_proof() -> Exception:
    return service_error(
        "share_check_wrong_proof",
        "The proof is not the one that the challenge's nonce gives.",
        advice="Answer with the private key of this certificate. After a few wrong answers the share check is dead.",
    )


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
