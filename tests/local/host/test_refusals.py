"""What cannot be hosted ends in one clear line and a non-zero exit, and leaves nothing running."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import pytest
import requests

from local.child_process import REPOSITORY
from local.host.launch import start_local_host
from local.host.state import open_state
from tests.processes import list_processes

HEAD: Final = "import azure.durable_functions as df\nimport azure.functions as func\napp = df.DFApp()\n"
HTTP: Final = "@app.route(route={route!r})\ndef {name}(req: func.HttpRequest) -> str:\n    return ''\n"
TIMER: Final = (
    "@app.timer_trigger(arg_name='timer', schedule={schedule!r})\ndef tick(timer: func.TimerRequest) -> None: ...\n"
)


class Case(NamedTuple):
    """An app that cannot be hosted, and what is said of it."""

    name: str
    said: str
    app: str = HEAD
    host: str | None = '{"version": "2.0"}'


CASES: Final = [
    Case("import error", "ModuleNotFoundError: No module named 'nothing_like_it'", "import nothing_like_it\n"),
    Case("syntax error", "SyntaxError", "def :\n"),
    Case(
        "two functions of one name",
        "twice",
        HEAD + HTTP.format(route="a", name="twice") + HTTP.format(route="b", name="twice"),
    ),
    Case(
        "two functions of one route",
        "second",
        HEAD + HTTP.format(route="a", name="first") + HTTP.format(route="a", name="second"),
    ),
    Case("wrong route", "function 'wrong' cannot be served", HEAD + HTTP.format(route="a/{b", name="wrong")),
    Case(
        "unknown binding",
        "function eat: the local host has no binding of type queueTrigger",
        HEAD + "@app.queue_trigger(arg_name='m', queue_name='q', connection='c')\ndef eat(m: func.QueueMessage): ...\n",
    ),
    Case(
        "wrong schedule",
        "timer function tick: schedule: day-of-week: '7'",
        HEAD + TIMER.format(schedule="0 0 0 * * 7"),
    ),
    Case("schedule of a missing setting", "SWEEP", HEAD + TIMER.format(schedule="%SWEEP%")),
    Case("no host.json", "there is no host.json in", host=None),
    Case("broken host.json", "host.json, line 1:", host="{"),
    Case("wrong host.json", "host.json: version: Input should be '2.0'", host='{"version": "1.0"}'),
    Case(
        "wrong number in host.json",
        "host.json: extensions.durableTask.maxConcurrentActivityFunctions: Input should be greater than 0",
        host='{"version": "2.0", "extensions": {"durableTask": {"maxConcurrentActivityFunctions": 0}}}',
    ),
]


def run(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "local.host", "start", "--app", str(directory), "--port", "0", *arguments]
    return subprocess.run(line, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)


def make_app(directory: Path, app: str = HEAD, host: str | None = '{"version": "2.0"}') -> Path:
    (directory / "function_app.py").write_text(app)
    if host is not None:
        (directory / "host.json").write_text(host)
    return directory


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_app_that_cannot_be_hosted(case: Case, tmp_path: Path) -> None:
    assert_refused(run(make_app(tmp_path, case.app, case.host)), case.said)
    assert str(tmp_path) not in list_processes()


def assert_refused(ended: subprocess.CompletedProcess[str], said: str) -> None:
    """There is one line that says what is wrong, after those of the log, in which tracebacks are indented."""
    lines = [line for line in ended.stderr.splitlines() if not line.startswith(("20", "    "))]
    assert ended.returncode == 1, ended
    assert lines == ended.stderr.splitlines()[-1:]
    assert said in lines[0]
    assert ended.stdout == ""


def test_a_taken_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert_refused(run(make_app(tmp_path), "--port", str(port)), f"127.0.0.1:{port} cannot be listened on")


def test_state_that_another_host_has(tmp_path: Path) -> None:
    host = start_local_host(make_app(tmp_path), tmp_path / "state", {})
    try:
        assert_refused(run(tmp_path, "--state-directory", str(tmp_path / "state")), "another host runs with the state")
    finally:
        host.process.stop()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda state: (state / "keys.json").write_text('{"master": 1}'), "keys.json: master: "),
        (lambda state: (state / "state.db").write_text("no database " * 100), "state.db cannot be used"),
    ],
)
def test_damaged_state(damage: Callable[[Path], object], said: str, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    damage(state)
    assert_refused(run(make_app(tmp_path), "--state-directory", str(state)), said)


def test_settings_that_are_no_texts(tmp_path: Path) -> None:
    (make_app(tmp_path) / "local.settings.json").write_text('{"Values": {"A": 1}}')
    assert_refused(run(tmp_path), "local.settings.json: Values.A: ")


def test_state_of_another_version(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with open_state(state) as connection:
        connection.execute("CREATE TABLE anything (x)")
        connection.execute("PRAGMA user_version = 99")
    assert_refused(run(make_app(tmp_path), "--state-directory", str(state)), "made by another version")


@pytest.mark.parametrize("name", ["state.lock", "state.db", "keys.json"])
def test_state_that_cannot_be_opened(name: str, tmp_path: Path) -> None:
    (tmp_path / "state" / name).mkdir(parents=True)
    assert_refused(run(make_app(tmp_path), "--state-directory", str(tmp_path / "state")), str(tmp_path / "state"))


def test_a_state_directory_that_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "state"
    file.touch()
    assert_refused(run(make_app(tmp_path), "--state-directory", str(file)), str(file))


def test_state_is_for_its_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        host = start_local_host(make_app(tmp_path), tmp_path / "state", {})
    finally:
        os.umask(before)
    try:
        modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "state").iterdir()}
        assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
        secret = {"state.db", "state.db-wal", "state.db-shm", "state.lock", "keys.json", "host.json", "settings.json"}
        assert {modes[name] for name in secret} == {0o600}
    finally:
        host.process.stop()


def test_a_host_that_is_told_to_end_while_it_indexes(tmp_path: Path) -> None:
    make_app(tmp_path, f"import time, pathlib\npathlib.Path({str(tmp_path / 'begun')!r}).touch()\ntime.sleep(60)\n")
    line = [sys.executable, "-m", "local.host", "start", "--app", str(tmp_path), "--port", "0"]
    process = subprocess.Popen(line, cwd=REPOSITORY)
    deadline = time.monotonic() + 20
    while not (tmp_path / "begun").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert str(tmp_path) not in list_processes()


def test_disabled_functions_are_not_there(tmp_path: Path) -> None:
    app = HEAD + HTTP.format(route="on", name="on") + HTTP.format(route="off", name="off")
    host = start_local_host(make_app(tmp_path, app), tmp_path / "state", {"AzureWebJobs.off.Disabled": "true"})
    try:
        statuses = [requests.get(f"{host.functions_url}/api/{path}", timeout=10).status_code for path in ("on", "off")]
        assert statuses == [401, 404]
    finally:
        host.process.stop()
