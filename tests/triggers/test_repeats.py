"""An Idempotency-Key on real blob storage: a request is carried out once, whoever sends it how often."""

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any, Final, cast

import azure.durable_functions as df
import pytest

from clients.repeats import create_repeat, find_repeat
from domain.caller import Caller
from domain.errors import ServiceError, service_error
from domain.repeats import Repeat, fingerprint_of, key_path
from domain.trace import Trace
from local.azure.control.models import NewFault
from local.azure.core.faults import Answer as FaultAnswer
from local.stack import Stack
from tests.in_process import signed_in_as_the_app
from triggers.door.calls import Answer, Call
from triggers.door.conditions import Conditions
from triggers.door.gateway import _NOTHING as NOTHING
from triggers.door.repeats import REPLAYED, carry_out_once, read_key
from triggers.routes import Route

KEYS: Final = (f"key-{number}" for number in itertools.count())
ROUTE: Final = Route(
    name="do_it", method="POST", path="things/{name}/do", handler="", summary="", roles=("Hsm.Operate",), answers={}
)


@pytest.fixture(autouse=True, scope="module")
def as_the_app(stack: Stack) -> Iterator[None]:
    with signed_in_as_the_app(stack):
        yield


@pytest.fixture
def key() -> str:
    return next(KEYS)


def call(body: bytes = b"{}", *, name: str = "one", object_id: str = "o") -> Call:
    return Call(
        caller=Caller(tenant_id="t", object_id=object_id, kind="application", roles=frozenset()),
        grant=NOTHING,
        path={"name": name},
        query=None,
        body=body,
        conditions=Conditions(),
        trace=Trace(),
        base="https://example.test/api",
        client=cast("df.SyncDurableFunctionsClient", None),
    )


class Handler:
    """Counts how often it is carried out, and answers with the number, or raises."""

    def __init__(self, *errors: Exception | None) -> None:
        self.count = 0
        self._errors = list(errors)

    def __call__(self, _call: Call) -> Answer:
        self.count += 1
        error = self._errors.pop(0) if self._errors else None
        if error is not None:
            raise error
        return Answer(202, {"number": self.count}, {"Location": f"https://example.test/{self.count}"})


def send(key: str, handler: Callable[[Call], Answer], **changes: Any) -> Answer | str:
    """Give the answer, or the code of the error."""
    try:
        return carry_out_once(ROUTE, call(**changes), key, handler)
    except ServiceError as error:
        return error.detail.code


def test_the_same_request_gets_the_answer_of_the_first(key: str) -> None:
    handler = Handler()
    first = send(key, handler)
    again = [send(key, handler) for _ in range(3)]
    assert first == Answer(202, {"number": 1}, {"Location": "https://example.test/1"})
    assert again == [Answer(202, {"number": 1}, {"Location": "https://example.test/1", REPLAYED: "true"})] * 3
    assert handler.count == 1


@pytest.mark.parametrize("changes", [{"body": b"{ }"}, {"name": "two"}], ids=["another body", "another path"])
def test_another_request_is_refused(key: str, changes: dict[str, Any]) -> None:
    handler = Handler()
    send(key, handler)
    assert send(key, handler, **changes) == "idempotency_key_reused"
    assert handler.count == 1


def test_another_key_or_another_caller_is_another_request(key: str) -> None:
    handler = Handler()
    send(key, handler)
    send(f"{key}-other", handler)
    send(key, handler, object_id="p")
    assert handler.count == 3


def test_a_refusal_does_not_use_the_key_up(key: str) -> None:
    handler = Handler(service_error("hsm_not_found", "There is none.", advice="Look."))
    assert send(key, handler) == "hsm_not_found"
    assert isinstance(send(key, handler, body=b"corrected"), Answer)
    assert send(key, handler) == "idempotency_key_reused"


@pytest.mark.parametrize(
    "error", [service_error("azure_unavailable", "Azure is busy.", advice="Wait.", retryable=True), RuntimeError()]
)
def test_after_a_failure_the_same_request_is_carried_out_again_at_once(key: str, error: Exception) -> None:
    handler = Handler(error)
    with pytest.raises(type(error)):
        carry_out_once(ROUTE, call(), key, handler)
    assert send(key, handler, body=b"another") == "idempotency_key_reused"
    assert isinstance(send(key, handler), Answer)
    assert handler.count == 2


@pytest.mark.parametrize(("seconds", "outcome"), [(30, "request_in_progress"), (61, "carried out")])
def test_one_that_never_ended_is_waited_for_a_minute(key: str, seconds: float, outcome: str) -> None:
    begun = datetime.now(UTC) - timedelta(seconds=seconds)
    fingerprint = fingerprint_of("POST", "things/one/do", b"{}")
    assert create_repeat(
        key_path(call().caller, call().grant.teams, key), Repeat(fingerprint=fingerprint, begun_at=begun)
    )
    answer = send(key, Handler())
    assert ("carried out" if isinstance(answer, Answer) else answer) == outcome


def test_of_two_at_the_same_instant_one_is_carried_out(key: str) -> None:
    both = Barrier(2)
    ended = Barrier(2)
    handler = Handler()

    def slowly(given: Call) -> Answer:
        answer = handler(given)
        ended.wait(20)
        return answer

    def one() -> Answer | str:
        both.wait(20)
        answer = send(key, slowly)
        if isinstance(answer, str):
            ended.wait(20)
        return answer

    with ThreadPoolExecutor(2) as pool:
        answers = [future.result(30) for future in [pool.submit(one), pool.submit(one)]]
    assert sorted(str(answer) for answer in answers if isinstance(answer, str)) == ["request_in_progress"]
    assert handler.count == 1


def test_what_cannot_be_kept_is_answered_nevertheless(key: str, stack: Stack) -> None:
    handler = Handler()

    def with_fault(given: Call) -> Answer:
        path = f"/hsm-records/idempotency/{key_path(call().caller, call().grant.teams, key)}"
        stack.control.inject_fault(
            NewFault(service="blob_storage", method="PUT", path=path, effect=FaultAnswer(status=503), count=20)
        )
        return handler(given)

    try:
        assert isinstance(send(key, with_fault), Answer)
    finally:
        stack.control.clear_faults()
    held = find_repeat(key_path(call().caller, call().grant.teams, key))
    assert held is not None
    assert held.repeat.answer is None


@pytest.mark.parametrize("text", ["", " ", "a b", "ü", "a\n", "x" * 256, "\x7f"])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ServiceError) as refused:
        read_key(ROUTE, text)
    assert refused.value.detail.errors[0].field == "Idempotency-Key"


def test_keys_are_for_posts() -> None:
    assert read_key(ROUTE, "x" * 255) == "x" * 255
    assert read_key(ROUTE, None) is None
    assert read_key(ROUTE._replace(method="PUT"), "a b") is None
