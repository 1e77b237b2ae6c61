"""What host and worker log: whose it is, and nothing that breaks or fakes a line."""

import asyncio
import base64
import json
import logging
import subprocess
import sys
from typing import Any

import pytest
from durabletask.internal import orchestrator_service_pb2 as pb

from local.child_process import REPOSITORY
from local.host.functions import Input, InvocationFailed
from local.host.worker.child.log_lines import JsonLines, TextLines
from tests.local.host.worker.workers import SMALL_APP, running


def make_record(message: str, *, failed: bool = False, **extra: Any) -> logging.LogRecord:
    logger = logging.getLogger("some.logger")
    exc_info = None
    if failed:
        try:
            raise ValueError("first\nsecond")
        except ValueError:
            exc_info = sys.exc_info()
    record = logger.makeRecord(logger.name, logging.WARNING, "f", 1, message, (), exc_info, extra=extra)
    record.created = 1_700_000_000.25
    return record


def test_a_line_for_people() -> None:
    record = make_record("said", function="echo", invocationId="1-2", durationMs=3)
    assert TextLines().format(record) == "2023-11-14T22:13:20.250Z WARNING some.logger said [echo 1-2]"


def test_a_line_for_machines() -> None:
    record = make_record("said", function="echo", invocationId="1-2", durationMs=3)
    assert json.loads(JsonLines().format(record)) == {
        "time": "2023-11-14T22:13:20.250Z",
        "level": "WARNING",
        "logger": "some.logger",
        "message": "said",
        "function": "echo",
        "invocationId": "1-2",
        "durationMs": 3,
    }


BREAKS = "a\nb\r\x1b[31m\x00\x85\u2028\u2029\x9bé\t"


def test_no_message_breaks_a_line() -> None:
    line = TextLines().format(make_record(BREAKS))
    assert line.splitlines() == [line]
    assert line.endswith("a\\nb\\r\\x1b[31m\\x00\\x85\\u2028\\u2029\\x9bé\t")
    line = JsonLines().format(make_record(BREAKS))
    assert line.splitlines() == [line]
    assert json.loads(line)["message"] == BREAKS


def test_a_traceback_follows_indented_for_people_only() -> None:
    first, *following = TextLines().format(make_record("went wrong", failed=True)).split("\n")
    assert first.endswith("some.logger went wrong")
    assert following[0] == "    Traceback (most recent call last):"
    assert following[-2:] == ["    ValueError: first", "    second"]
    line = JsonLines().format(make_record("went wrong", failed=True))
    assert "\n" not in line
    assert json.loads(line)["exception"].endswith("ValueError: first\nsecond")


def test_a_traceback_that_came_from_elsewhere() -> None:
    record = make_record("went wrong", exception="Traceback\n  here\x1b")
    assert TextLines().format(record).endswith("went wrong\n    Traceback\n      here\\x1b")
    assert json.loads(JsonLines().format(record))["exception"] == "Traceback\n  here\x1b"


def test_host_and_worker_name_the_same_invocation(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "local.host.worker")

    async def test() -> None:
        async with running(log_format="json") as app:
            await asyncio.gather(*(app.act(name, f"{name}\n2") for name in ("say", "say_later") for _ in range(3)))

    asyncio.run(test())
    said = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    lines = [each for each in said if each["logger"] == "app"]
    assert len(lines) == 6
    assert all(each["message"] == f"{each['function']}\n2" for each in lines)
    records = [record.__dict__ for record in caplog.records]
    assert {each["invocationId"]: each["function"] for each in lines} == {
        each["invocationId"]: each["function"] for each in records
    }
    assert len({each["invocationId"] for each in lines}) == 6
    assert all(each["message"] == f"Succeeded after {each['durationMs']} ms" for each in records)
    assert all(each["durationMs"] >= 100 for each in records if each["function"] == "say_later")


def test_a_failure_is_said_with_its_traceback_and_no_input(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "local.host.worker")

    async def test() -> None:
        async with running() as app:
            with pytest.raises(InvocationFailed):
                await app.act("fail", "no luck")
            await app.act("double", 123456)

    asyncio.run(test())
    failed, succeeded = caplog.records
    assert failed.levelname == "ERROR"
    duration = failed.__dict__["durationMs"]
    assert failed.getMessage() == f"Failed after {duration} ms: ValueError: no luck"
    assert "raise ValueError(text)" in failed.__dict__["exception"]
    assert succeeded.levelname == "INFO"
    assert "123456" not in TextLines().format(succeeded)
    assert "246912" not in TextLines().format(succeeded)


def test_a_turn_is_said_to_those_who_debug_only(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "local.host.worker")

    async def test() -> None:
        async with running() as app:
            counter = app.functions["counter"]
            request = base64.b64encode(pb.EntityBatchRequest(instanceId="@counter@k").SerializeToString()).decode()
            await app.supervisor.invoke(counter, [Input(counter.trigger["name"], "string", request)], again=True)

    asyncio.run(test())
    assert [(record.levelname, record.__dict__["function"]) for record in caplog.records] == [("DEBUG", "counter")]


def test_a_host_logs_to_standard_error_what_is_of_interest() -> None:
    program = (
        "import logging; from local.host.logs import set_up_logging; set_up_logging('json')\n"
        "logging.getLogger('a').debug('no'); logging.getLogger('b').info('yes')"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert [json.loads(line)["message"] for line in done.stderr.splitlines()] == ["yes"]
    assert done.stdout == ""


def test_the_worker_itself_is_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    async def test() -> None:
        async with running(SMALL_APP) as app:
            assert await app.act("double", 1) == 2

    asyncio.run(test())
    assert capfd.readouterr().err == ""
