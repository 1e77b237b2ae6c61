"""Timer triggers and durable timers, on a clock that a test can move on."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.local.host.conformance.host_client import HostClient, until
from tests.local.host.conformance.hosts import APPS, Hosts, Journal

ONCE_A_YEAR = "0 0 0 1 1 *"
DAY = 24 * 60 * 60


@pytest.fixture(scope="module")
def timers(hosts: Hosts) -> HostClient:
    return hosts.start(APPS / "timers", settings={"HOURLY": ONCE_A_YEAR}, arguments=["--control"])


def firings(journal: Journal, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in journal.lines(name)]


def await_firing(journal: Journal, name: str, before: int) -> None:
    until(lambda: len(firings(journal, name)) > before)


def host_time(timers: HostClient) -> datetime:
    return datetime.fromisoformat(timers.admin("GET", "host/clock").json()["now"])


def test_run_on_startup(timers: HostClient, journal: Journal) -> None:  # noqa: ARG001 - the host is to run
    until(lambda: firings(journal, "at_start"))
    assert [firing["past_due"] for firing in firings(journal, "at_start")] == [False]


def test_timer_schedule_loop(timers: HostClient, journal: Journal) -> None:  # noqa: ARG001 - the host is to run
    began = len(firings(journal, "every_second"))
    until(lambda: len(firings(journal, "every_second")) >= began + 2)
    assert not any(firing["past_due"] for firing in firings(journal, "every_second"))
    assert all(firing["schedule"] == {"AdjustForDST": True} for firing in firings(journal, "every_second"))


def test_timer_fires_when_the_clock_reaches_its_time(timers: HostClient, journal: Journal) -> None:
    began = len(firings(journal, "daily"))
    for _ in range(2):
        before = len(firings(journal, "daily"))
        timers.advance_clock(DAY)
        await_firing(journal, "daily", before)
    first, second = firings(journal, "daily")[began:]
    assert (first["past_due"], second["past_due"]) == (False, False)
    following = datetime.fromisoformat(second["schedule_status"]["Next"])
    assert (following.hour, following.minute, following.second) == (4, 30, 0)
    assert following - datetime.fromisoformat(first["schedule_status"]["Next"]) == timedelta(days=1)


def test_ten_day_timer(timers: HostClient) -> None:
    """The SDK makes several timers of it, since Azure Storage holds none for so long."""
    sleeping = timers.start("sleep", 10)
    timers.await_status(sleeping, "Running")
    began = time.monotonic()
    timers.advance_clock(9.9 * DAY)
    timers.run("sleep", 0)
    assert timers.describe(sleeping)["runtimeStatus"] == "Running"
    timers.advance_clock(0.1 * DAY)
    assert timers.output_of(sleeping) >= 10
    assert time.monotonic() - began < 5


def test_clock_speed(timers: HostClient) -> None:
    before = host_time(timers)
    assert timers.admin("PUT", "host/clock", json={"speed": 10 * DAY}).json()["speed"] == 10 * DAY
    try:
        assert timers.run("sleep", 1) >= 1
        assert host_time(timers) - before >= timedelta(days=1)
    finally:
        timers.admin("PUT", "host/clock", json={"speed": 1})


@pytest.mark.parametrize("change", [{"advanceSeconds": -1}, {"speed": 0}, {"speed": "fast"}, {"advance": 1}])
def test_wrong_changes_of_the_clock(timers: HostClient, change: dict[str, Any]) -> None:
    answer = timers.admin("PUT", "host/clock", json=change)
    assert answer.status_code == 400
    assert next(iter(change)) in answer.text


def test_timer_admin_fire(timers: HostClient, journal: Journal) -> None:
    before = len(firings(journal, "hourly"))
    answer = timers.admin("POST", "functions/hourly", json={"input": ""})
    assert (answer.status_code, answer.text) == (202, "")
    await_firing(journal, "hourly", before)
    assert [firing["past_due"] for firing in firings(journal, "hourly")[before:]] == [False]
    assert timers.send("POST", "admin/functions/hourly", timers.host.functions_key, json={}).status_code == 401
    assert timers.admin("POST", "functions/nothing", json={}).status_code == 404


def test_past_due(hosts: Hosts, journal: Journal) -> None:
    occurrence, settings, state = stop_before_an_occurrence(hosts)
    # A host that ended too late may have fired its own.
    before = len(firings(journal, "hourly"))
    until(lambda: datetime.now(UTC) > occurrence, 60)
    hosts.start(APPS / "timers", settings=settings, state=state)
    await_firing(journal, "hourly", before)
    assert [firing["past_due"] for firing in firings(journal, "hourly")[before:]] == [True]


def stop_before_an_occurrence(hosts: Hosts) -> tuple[datetime, dict[str, str], str]:
    """Run a host that ends shortly before its timer occurs; a machine that is slow to start it gets more time."""
    for seconds in (3, 9, 27):
        occurrence = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)
        settings = {"HOURLY": f"{occurrence.second} {occurrence.minute} * * * *"}
        state = f"past-due-{seconds}"
        hosts.start(APPS / "timers", settings=settings, state=state).host.process.stop()
        if datetime.now(UTC) < occurrence:
            return occurrence, settings, state
    pytest.fail("no host ended before its timer occurred")
