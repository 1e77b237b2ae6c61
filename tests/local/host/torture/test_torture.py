"""Hundreds of orchestrations under way while host and worker are killed at random: all end right, nothing runs again.

`make torture` runs the long one. TORTURE_SEED=n repeats what a seed did, as far as time allows.
"""

import os
import random
import signal
import sys
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests

from local.host.launch import LocalHost, start_local_host

APP = Path(__file__).parent / "app"
VICTIMS = ("worker", "worker", "host", "host and worker")


class Size(NamedTuple):
    """How many families there are, and how often something is killed."""

    families: int
    kills: int


class Scene:
    """The host, started again in the same state whenever it was killed."""

    def __init__(self, directory: Path) -> None:
        self.notes = directory / "notes"
        self._directory = directory
        self.host: LocalHost = self._start()

    def _start(self) -> LocalHost:
        return start_local_host(APP, self._directory / "state", {"NOTES": str(self.notes)})

    def kill(self, victim: str) -> None:
        """Kill by SIGKILL; a host is started again."""
        if "worker" in victim:
            os.kill(self.host.worker_process_id(), signal.SIGKILL)
        if "host" in victim:
            os.kill(self.host.process.process_id, signal.SIGKILL)
            self.host.process.stop()
            self.host = self._start()

    def get(self, path: str, **query: str) -> Any:
        """Read from the management API."""
        headers = {"x-functions-key": self.host.durable_key}
        url = f"{self.host.functions_url}/runtime/webhooks/durabletask/{path}"
        response = requests.get(url, params=query, headers=headers, timeout=30)
        assert response.status_code in {200, 202}, response.text
        return response.json()


def start_families(scene: Scene, numbers: range) -> None:
    """Start them over HTTP; a request that dies with its worker or host is sent again, as a caller would."""

    def put(number: int) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                response = requests.put(f"{scene.host.functions_url}/api/families/{number}", timeout=30)
            except requests.RequestException:
                time.sleep(0.1)
                continue
            # One that was started and not confirmed is running: 500, the function's own.
            if response.status_code in {202, 500}:
                return
            time.sleep(0.1)
        raise AssertionError(number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, numbers))


def await_end(scene: Scene, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    running: list[Any] = [None]
    while running:
        assert time.monotonic() < deadline, running
        running = scene.get("instances", instanceIdPrefix="family-", runtimeStatus="Running,Pending,ContinuedAsNew")
        time.sleep(0.3)


def check(scene: Scene, families: int) -> None:
    """Each family has its sum, and nothing began after the history had its result."""
    begun = defaultdict(list)
    for line in scene.notes.read_text().splitlines():
        moment, key = line.split(" ", 1)
        begun[key].append(float(moment))
    for number in range(families):
        for instance in (f"family-{number}", f"family-{number}-child-0", f"family-{number}-child-1"):
            status = scene.get(f"instances/{instance}", showHistory="true", showHistoryOutput="true", showInput="true")
            assert status["runtimeStatus"] == "Completed", status
            if "-child-" not in instance:
                assert status["output"] == number * 3 + 3 + 1 + 1 + 1 + 5 + 1, status
            check_history(status["historyEvents"], begun)


def check_history(history: list[dict[str, Any]], begun: dict[str, list[float]]) -> None:
    for event in history:
        if event["EventType"] == "TaskCompleted" and event["FunctionName"] == "note":
            key = event["Input"][0] if isinstance(event["Input"], list) else event["Input"].split('"')[1]
            completed = datetime.fromisoformat(event["Timestamp"]).timestamp()
            assert begun[key], key
            assert max(begun[key]) <= completed, (key, begun[key], completed)


def torture(directory: Path, size: Size) -> None:
    seed = int(os.environ.get("TORTURE_SEED") or random.randrange(10**6))
    sys.stdout.write(f"TORTURE_SEED={seed}\n")
    chance = random.Random(seed)
    scene = Scene(directory)
    try:
        with ThreadPoolExecutor(1) as pool:
            starting = pool.submit(start_families, scene, range(size.families))
            for _ in range(size.kills):
                time.sleep(chance.uniform(0.05, 1.5))
                scene.kill(chance.choice(VICTIMS))
            starting.result()
        await_end(scene, 60 + size.families / 2)
        check(scene, size.families)
    finally:
        scene.host.process.stop()


def test_hundreds_of_orchestrations_survive_twenty_kills(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        torture(tmp_path, Size(families=100, kills=20))


@pytest.mark.torture
def test_thousands_survive_hundreds(tmp_path: Path) -> None:
    torture(tmp_path, Size(families=1000, kills=200))
