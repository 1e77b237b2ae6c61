"""The challenge to a custodian and its answer: whoever changes one of them changes what is proved."""

import json
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from domain.security_domain.encoding import decode
from domain.share_checks import ALGORITHM, ShareAnswer, ShareChallenge, encrypt_nonce, prove
from tests.domain.mutations import mutate
from tests.security_domain_opener import decode as decode_leniently
from tests.vectors.reading import read_certificate, read_key, unwrap_with

NONCE: Final = bytes(range(32))
CERTIFICATE: Final = read_certificate("keys/custodian-01.cer")
UNWRAP: Final = unwrap_with(read_key("keys/custodian-01.pem"))
MANY: Final = 1000
CHALLENGE: Final = ShareChallenge(
    id="01JABCDEFGHJKMNPQRSTVWXYZ0",
    hsm="hsm-a",
    security_domain_sha256="ab" * 32,
    thumbprint=CERTIFICATE.thumbprint,
    encrypted_nonce=encrypt_nonce(NONCE, CERTIFICATE.der),
    expires_at=datetime(2030, 1, 1, tzinfo=UTC),
)


def answer(challenge: ShareChallenge) -> ShareAnswer:
    """Answer as a custodian does; raises ValueError where the nonce does not open."""
    nonce = UNWRAP(ALGORITHM, decode(challenge.encrypted_nonce))
    bound = (challenge.id, challenge.security_domain_sha256, challenge.thumbprint)
    return ShareAnswer(
        challenge_id=challenge.id,
        security_domain_sha256=challenge.security_domain_sha256,
        thumbprint=challenge.thumbprint,
        proof=prove(nonce, *bound),
    )


ANSWER: Final = answer(CHALLENGE)


def is_right(given: ShareAnswer) -> bool:
    """Say whether an answer proves the share to who asked, who keeps what they asked."""
    return given == ANSWER


def parse[M: BaseModel](model: type[M], content: bytes) -> M | None:
    try:
        return model.model_validate_json(content)
    except ValidationError:
        return None


def other_of(model: BaseModel) -> str:
    values: dict[str, Any] = json.loads(model.model_dump_json(by_alias=True))
    return json.dumps({name: f"{text[:-2]}00" for name, text in values.items()})


def test_every_change_of_an_answer_is_refused_or_proves_nothing() -> None:
    text, changed = ANSWER.to_json(), 0
    for content in {content for _, content in mutate(text, other_of(ANSWER), 1)}:
        given = parse(ShareAnswer, content)
        same = given is not None and is_right(given)
        changed += not same
        if same:
            # Nothing but how it is written: a member twice with the same value.
            assert json.loads(content) == json.loads(text)
    assert changed >= MANY


def test_every_change_of_a_challenge_is_refused_or_gives_no_right_answer() -> None:
    text, changed = CHALLENGE.to_json(), 0
    for content in {content for _, content in mutate(text, other_of(CHALLENGE), 1)}:
        challenge = parse(ShareChallenge, content)
        try:
            right = challenge is not None and is_right(answer(challenge))
        except ValueError:
            right = False
        changed += not right
        if right:
            # The HSM's name and the date are told to people; who asked keeps both.
            assert challenge is not None
            assert challenge.model_copy(update={"hsm": CHALLENGE.hsm, "expires_at": CHALLENGE.expires_at}) == CHALLENGE
    assert changed >= MANY


@settings(derandomize=True, max_examples=300)
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_neither(content: bytes) -> None:
    assert parse(ShareAnswer, content) is None
    assert parse(ShareChallenge, content) is None


@pytest.mark.parametrize("place", range(3))
def test_a_proof_is_bound_to_what_was_asked(place: int) -> None:
    bound = [CHALLENGE.id, CHALLENGE.security_domain_sha256, CHALLENGE.thumbprint]
    bound[place] = bound[place][:-1] + "_"
    assert prove(NONCE, *bound) != ANSWER.proof
    assert prove(NONCE[1:] + b"x", CHALLENGE.id, CHALLENGE.security_domain_sha256, CHALLENGE.thumbprint) != ANSWER.proof


def test_a_proof_shows_nothing_of_the_nonce() -> None:
    text = ANSWER.to_json() + CHALLENGE.to_json()
    assert NONCE.hex() not in text
    assert NONCE not in decode_leniently(ANSWER.proof)
    assert len(decode(ANSWER.proof)) == 32
