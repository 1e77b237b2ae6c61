"""Workers that die, hang, take too long and come back."""

import asyncio
import base64
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from local.child_process import REPOSITORY
from local.host.functions import FunctionTimedOut, WorkerDied
from local.host.worker.index import AppNotIndexed
from local.host.worker.supervisor import MAXIMUM_WORKERS, Supervisor
from tests.local.host.worker.workers import SMALL_APP, Running, running, until


def kill_worker(app: Running) -> None:
    assert app.supervisor.process_id is not None
    os.kill(app.supervisor.process_id, signal.SIGKILL)


def runs(process_id: int) -> bool:
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(process_id)], capture_output=True, text=True, check=False)
    return shown.stdout.strip()[:1] not in ("", "Z")


async def begin(app: Running, directory: Path, *, again: bool) -> asyncio.Task[str]:
    """Start an activity that waits for a file, and see it begin."""
    task = asyncio.create_task(app.act("wait", str(directory), again=again))
    await until((directory / "begun-0").exists)
    return task


async def fail_all(tasks: Sequence[asyncio.Task[str]]) -> list[str]:
    """Give the texts of the failures."""
    return [f"{type(each).__name__}: {each}" for each in await asyncio.gather(*tasks, return_exceptions=True)]


def test_the_next_worker_gets_what_a_killed_one_had(tmp_path: Path) -> None:
    async def test() -> None:
        async with running() as app:
            first = app.supervisor.process_id
            task = await begin(app, tmp_path, again=True)
            kill_worker(app)
            await until((tmp_path / "begun-1").exists)
            (tmp_path / "go").touch()
            assert await task == "begun 2 times"
            assert app.supervisor.restarts == 1
            assert app.supervisor.process_id not in (None, first)

    asyncio.run(test())


def test_what_must_not_run_again_dies_with_its_worker(tmp_path: Path) -> None:
    async def test() -> None:
        async with running() as app:
            task = await begin(app, tmp_path, again=False)
            kill_worker(app)
            with pytest.raises(WorkerDied, match="the worker died during this invocation"):
                await task
            assert await app.act("double", 1, again=False) == 2
            assert not (tmp_path / "begun-1").exists()

    asyncio.run(test())


def test_a_request_that_comes_between_two_workers_waits(tmp_path: Path) -> None:
    async def test() -> None:
        async with running() as app:
            task = await begin(app, tmp_path, again=False)
            kill_worker(app)
            with pytest.raises(WorkerDied):
                await task
            assert app.supervisor.process_id is None
            assert await app.act("double", 2, again=False) == 4

    asyncio.run(test())


@pytest.mark.parametrize(("name", "code"), [("leave", 1), ("leave_at_once", 7)])
def test_what_every_worker_died_of_fails(
    name: str, code: int, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async with running() as app:
            with pytest.raises(WorkerDied, match=f"in flight in {MAXIMUM_WORKERS} workers that died"):
                await app.act(name, "so be it")
            assert app.supervisor.restarts >= MAXIMUM_WORKERS - 1
            assert await app.act("double", 3) == 6

    asyncio.run(test())
    printed = capfd.readouterr()
    if name == "leave":
        assert printed.err.count("a function ended the worker: SystemExit('so be it')") == MAXIMUM_WORKERS
    else:
        assert printed.out == "so be it\n" * MAXIMUM_WORKERS
    assert caplog.text.count(f"the worker died with exit code {code}\n") == MAXIMUM_WORKERS


def test_a_process_that_a_dead_worker_left_behind_hides_nothing(tmp_path: Path) -> None:
    async def test() -> None:
        async with running() as app:
            async with asyncio.timeout(15):
                with pytest.raises(WorkerDied):
                    await app.act("leave_a_child_behind", str(tmp_path), again=False)
            assert await app.act("double", 3) == 6

    try:
        asyncio.run(test())
    finally:
        (tmp_path / "go").touch()


def test_workers_killed_while_they_index_are_replaced() -> None:
    async def test() -> None:
        async with running() as app:
            for number in range(3):
                await until(lambda: app.supervisor.process_id is not None)
                kill_worker(app)
                await until(lambda number=number: app.supervisor.restarts > number)  # type: ignore[misc]
            assert await app.act("double", 4) == 8

    asyncio.run(test())


def test_requests_do_not_wait_for_an_app_that_was_broken_meanwhile(tmp_path: Path) -> None:
    script = tmp_path / "function_app.py"
    script.write_text((SMALL_APP / "function_app.py").read_text())

    async def test() -> None:
        async with running(tmp_path) as app:
            script.write_text("import nothing_of_that_name")
            kill_worker(app)
            await until(lambda: app.supervisor.restarts == 1)
            durable = asyncio.create_task(app.act("double", 5))
            with pytest.raises(WorkerDied, match="could not be indexed again"):
                await app.act("double", 5, again=False)
            script.write_text((SMALL_APP / "function_app.py").read_text())
            assert await durable == 10

    asyncio.run(test())


def test_a_function_that_takes_too_long_is_failed_and_its_worker_replaced(tmp_path: Path) -> None:
    (tmp_path / "late").mkdir()
    (tmp_path / "early").mkdir()

    async def test() -> None:
        async with running(function_timeout=1.5) as app:
            first = app.supervisor.process_id
            late = await begin(app, tmp_path / "early", again=True)
            await asyncio.sleep(0.7)
            durable = await begin(app, tmp_path / "late", again=True)
            request = asyncio.create_task(app.act("wait", str(tmp_path / "late"), again=False))
            with pytest.raises(FunctionTimedOut, match=r"wait took longer than functionTimeout, 1\.5 s"):
                await late
            (tmp_path / "late" / "go").touch()
            with pytest.raises(WorkerDied):
                await request
            assert (await durable).startswith("begun")
            assert app.supervisor.restarts == 1
            assert first is not None
            assert not runs(first)
            assert not (tmp_path / "early" / "begun-1").exists()

    asyncio.run(test())


def test_a_function_that_blocks_the_whole_worker_takes_too_long_as_well(tmp_path: Path) -> None:
    async def test() -> None:
        async with running(function_timeout=0.5) as app:
            with pytest.raises(FunctionTimedOut):
                await app.act("block", str(tmp_path))
            assert await app.act("double", 6) == 12

    asyncio.run(test())


def test_who_stops_waiting_leaves_nothing_behind(tmp_path: Path) -> None:
    async def test() -> None:
        async with running() as app:
            task = await begin(app, tmp_path, again=True)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            (tmp_path / "go").touch()
            await until(lambda: not app.supervisor._in_flight)
            assert await app.act("double", 7) == 14

    asyncio.run(test())


def test_nobody_gets_again_what_nobody_waits_for(tmp_path: Path) -> None:
    async def test() -> None:
        async with running(function_timeout=1.0) as app:
            task = await begin(app, tmp_path, again=True)
            task.cancel()
            # What a worker hangs in is ended though nobody waits.
            await until(lambda: app.supervisor.restarts == 1)
            assert await app.act("double", 8) == 16
            assert not app.supervisor._in_flight
            assert not (tmp_path / "begun-1").exists()

    asyncio.run(test())


def test_who_stops_waiting_between_two_workers_is_forgotten_at_once(tmp_path: Path) -> None:
    async def test() -> None:
        async with running() as app:
            kill_worker(app)
            await until(lambda: app.supervisor.restarts == 1)
            task = asyncio.create_task(app.act("wait", str(tmp_path)))
            await asyncio.sleep(0)
            task.cancel()
            assert await fail_all([task]) == ["CancelledError: "]
            assert not app.supervisor._in_flight

    asyncio.run(test())


def test_who_stops_waiting_after_a_death_has_no_other_worker_begin(tmp_path: Path) -> None:
    async def test() -> None:
        async with running() as app:
            task = await begin(app, tmp_path, again=True)
            kill_worker(app)
            await until(lambda: app.supervisor.restarts == 1)
            task.cancel()
            assert await fail_all([task]) == ["CancelledError: "]
            assert await app.act("double", 9) == 18
            assert not app.supervisor._in_flight
            assert not (tmp_path / "begun-1").exists()

    asyncio.run(test())


def test_the_end_of_the_host_fails_nothing(tmp_path: Path) -> None:
    async def test() -> None:
        async with running() as app:
            task = await begin(app, tmp_path, again=True)
            process_id = app.supervisor.process_id
            await app.supervisor.stop()
            assert await fail_all([task]) == ["CancelledError: "]
            with pytest.raises(asyncio.CancelledError):
                await app.act("double", 1)
            assert process_id is not None
            assert not runs(process_id)

    asyncio.run(test())


def test_many_large_messages_at_once_do_not_block_host_and_worker() -> None:
    body = base64.b64encode(os.urandom(1 << 19)).decode()

    async def test() -> None:
        async with running() as app, asyncio.timeout(60):
            outputs = await asyncio.gather(
                *(app.request("echo", params={"word": str(number)}, body=body) for number in range(64))
            )
            for number, output in enumerate(outputs):
                assert output is not None
                answer = base64.b64decode(output.value["body"])
                assert answer.startswith(f"GET {{'word': '{number}'}}".encode())
                assert answer.endswith(base64.b64decode(body))

    asyncio.run(test())


HOST = """
import asyncio, os, sys
from pathlib import Path
from tests.local.host.worker.workers import running

async def main(name, directory):
    async with running() as app:
        waiting = asyncio.create_task(app.act(name, directory))
        while not list(Path(directory).glob("begun*")):
            await asyncio.sleep(0.02)
        print(app.supervisor.process_id, flush=True)
        await waiting

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("name", ["wait", "block"])
def test_a_worker_ends_with_its_host_however_that_ended_and_whatever_it_does(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOST, name, str(tmp_path)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None
        worker = int(host.stdout.readline())
        assert runs(worker)
        host.kill()
    asyncio.run(until(lambda: not runs(worker)))


SLOW_APP = "import pathlib, time; pathlib.Path('begun').touch(); time.sleep(60)\n"


def test_a_worker_that_indexes_ends_with_its_host(tmp_path: Path) -> None:
    (tmp_path / "function_app.py").write_text(SLOW_APP)
    program = (
        "import asyncio, os; from pathlib import Path; from local.host.worker.supervisor import Supervisor\n"
        f"supervisor = Supervisor(Path({str(tmp_path)!r}), os.environ, function_timeout=None, log_format='text')\n"
        "async def main():\n"
        "    starting = asyncio.create_task(supervisor.start())\n"
        f"    while not Path({str(tmp_path / 'begun')!r}).exists(): await asyncio.sleep(0.02)\n"
        "    print(supervisor.process_id, flush=True)\n"
        "    await starting\n"
        "asyncio.run(main())"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None
        worker = int(host.stdout.readline())
        assert runs(worker)
        host.kill()
    asyncio.run(until(lambda: not runs(worker)))


def test_an_app_that_is_never_indexed_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.host.worker.supervisor.INDEX_SECONDS", 0.5)
    (tmp_path / "function_app.py").write_text(SLOW_APP)
    supervisor = Supervisor(tmp_path, os.environ, function_timeout=None, log_format="text")
    with pytest.raises(AppNotIndexed, match=r"the app was not indexed within 0\.5 s"):
        asyncio.run(supervisor.start())
    assert supervisor.process_id is None
