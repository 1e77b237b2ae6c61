"""The HSMs of many subscriptions, read by many threads at once: Azure is asked once for each, and a few at a time."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import pytest

from clients.many_subscriptions import AT_ONCE, KEPT_SECONDS, list_hsms_of
from local.azure.control.models import NewFault, NewHold
from local.azure.core.faults import Answer, BrokenBody, Delay
from local.stack import Stack
from tests.in_process import signed_in_as_the_app

READERS = 6


@pytest.fixture(autouse=True, scope="module")
def as_the_app(stack: Stack) -> Iterator[None]:
    with signed_in_as_the_app(stack):
        yield


@pytest.fixture
def ours(stack: Stack) -> Iterator[str]:
    """The subscription that there is, of which nobody has an answer any more."""
    time.sleep(KEPT_SECONDS)
    yield stack.azure.endpoints.subscription_id
    stack.control.clear_faults()


def asked(stack: Stack, since: int) -> list[str]:
    """Name the subscriptions whose HSMs Azure was asked for, once for each time."""
    entries = stack.control.journal("resource_manager", since=since)
    return [entry["path"].split("/")[2] for entry in entries if entry["path"].endswith("/managedHSMs")]


def test_each_is_asked_for_once_and_a_few_at_a_time(stack: Stack, ours: str) -> None:
    subscriptions = {ours, *(str(uuid4()) for _ in range(2 * AT_ONCE))}
    stack.control.inject_fault(
        NewFault(service="resource_manager", path="/managedHSMs$", count=100, effect=Delay(seconds=0.3))
    )
    since = len(stack.control.journal())
    together = Barrier(READERS)

    def read() -> dict[str, object]:
        together.wait()
        return dict(list_hsms_of(subscriptions))

    with ThreadPoolExecutor(READERS) as pool:
        answers = [answer.result() for answer in [pool.submit(read) for _ in range(READERS)]]
    assert [set(answer) for answer in answers] == [{ours}] * READERS
    assert sorted(asked(stack, since)) == sorted(subscriptions)
    assert sum(thread.name.startswith("list-hsms") for thread in threading.enumerate()) <= AT_ONCE


def test_whoever_comes_while_azure_is_slow_waits_for_the_same_answer(stack: Stack, ours: str) -> None:
    since = len(stack.control.journal())
    slow = stack.control.hold(NewHold(service="resource_manager", method="GET", path="/managedHSMs$", phase="before"))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(list_hsms_of, [ours])
        assert stack.control.await_hold(slow, 30)
        time.sleep(KEPT_SECONDS)
        second = pool.submit(list_hsms_of, [ours])
        time.sleep(0.2)
        stack.control.release(slow)
        assert first.result() == second.result() == {ours: []}
    assert asked(stack, since) == [ours]
    # By now it is too old for whoever comes next.
    assert list_hsms_of([ours]) == {ours: []}
    assert asked(stack, since) == [ours] * 2


@pytest.mark.parametrize("effect", [Answer(status=429), BrokenBody(form="not_json")], ids=["throttled", "broken"])
def test_that_azure_did_not_answer_is_kept_as_long(effect: Answer | BrokenBody, stack: Stack, ours: str) -> None:
    since = len(stack.control.journal())
    stack.control.inject_fault(NewFault(service="resource_manager", path="/managedHSMs$", effect=effect))
    began = time.monotonic()
    while time.monotonic() - began < KEPT_SECONDS - 1:
        assert list_hsms_of([ours]) == {}
    assert asked(stack, since) == [ours]
    time.sleep(KEPT_SECONDS)
    assert list_hsms_of([ours]) == {ours: []}
