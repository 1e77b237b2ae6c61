"""What is done with a request whose Idempotency-Key is known."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.caller import Caller
from domain.errors import ServiceError
from domain.repeats import KeptAnswer, Repeat, fingerprint_of, judge, key_path

NOW: Final = datetime(2026, 11, 24, 12, tzinfo=UTC)
JUST_NOW, LONG_AGO = NOW - timedelta(seconds=59), NOW - timedelta(seconds=60)
ANSWER: Final = KeptAnswer(status=202, headers={}, document={"id": "x"})


@pytest.mark.parametrize(
    ("kept", "outcome"),
    [
        (Repeat(fingerprint="this", begun_at=None, answer=ANSWER), "replay"),
        (Repeat(fingerprint="other", begun_at=None, answer=ANSWER), "idempotency_key_reused"),
        (Repeat(fingerprint="this", begun_at=JUST_NOW), "request_in_progress"),
        (Repeat(fingerprint="other", begun_at=JUST_NOW), "idempotency_key_reused"),
        (Repeat(fingerprint="this", begun_at=LONG_AGO), "carry out"),
        (Repeat(fingerprint="other", begun_at=LONG_AGO), "idempotency_key_reused"),
        (Repeat(fingerprint="this", begun_at=None), "carry out"),
        (Repeat(fingerprint="other", begun_at=None), "idempotency_key_reused"),
        (Repeat(fingerprint=None, begun_at=None), "carry out"),
    ],
    ids=[
        "it was answered",
        "another was answered",
        "it is carried out",
        "another is carried out",
        "it died",
        "another died",
        "it failed",
        "another failed",
        "one was refused",
    ],
)
def test_what_is_done(kept: Repeat, outcome: str) -> None:
    try:
        done: str = judge(kept, "this", NOW)
    except ServiceError as error:
        done = error.detail.code
    assert done == outcome


REQUESTS: Final = st.tuples(st.sampled_from(["POST", "PUT"]), st.sampled_from(["a", "a/b"]), st.binary(max_size=3))


@given(REQUESTS, REQUESTS)
def test_requests_have_one_fingerprint_if_they_are_the_same(
    one: tuple[str, str, bytes], other: tuple[str, str, bytes]
) -> None:
    assert (fingerprint_of(*one) == fingerprint_of(*other)) is (one == other)


def test_each_caller_has_keys_of_its_own() -> None:
    caller = Caller(tenant_id="t", object_id="o", kind="application", roles=frozenset({"Hsm.Read"}))
    others: list[dict[str, Any]] = [{"tenant_id": "u"}, {"object_id": "p"}, {"roles": frozenset()}]
    paths = [key_path(caller, ["team-a"], "k"), key_path(caller, [], "k"), key_path(caller, ["team-a"], "l")]
    paths += [key_path(caller.model_copy(update=other), ["team-a"], "k") for other in others]
    assert len(set(paths)) == len(paths)
    assert key_path(caller, ["b", "a"], "k") == key_path(caller, ["a", "b"], "k")
