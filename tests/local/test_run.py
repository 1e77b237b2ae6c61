"""`make local`: a file that tells clients where everything is, and exists exactly while everything answers."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local.child_process import REPOSITORY
from local.stack import StackInUse, running_stack
from tests.processes import list_processes

PROGRAM = """
import sys, time
from pathlib import Path
from local.stack import running_stack
directory, file = map(Path, sys.argv[1:])
with running_stack(directory, provisioning_seconds=1, activation_seconds=1, environment_file=file):
    print("up", flush=True)
    time.sleep(60)
"""


def test_the_file_is_complete_readable_by_a_shell_and_goes_with_what_it_tells_of(tmp_path: Path) -> None:
    directory, file = tmp_path / "a place", tmp_path / "local.env"
    file.write_text("what one that was killed left behind")
    with running_stack(directory, provisioning_seconds=1, activation_seconds=1, environment_file=file) as stack:
        assert file.stat().st_mode & 0o077 == 0
        command = ["bash", "-c", f'set -a; . \'{file}\'; printf %s "$SSL_CERT_FILE"; test -n "$FUNCTIONS_URL"']
        read = subprocess.run(command, check=True, capture_output=True, text=True)
        assert read.stdout == stack.azure.endpoints.ca_bundle
        with (
            pytest.raises(StackInUse, match="another one runs"),
            running_stack(directory, provisioning_seconds=1, activation_seconds=1),
        ):
            pass
        assert file.exists()
    assert not file.exists()


def test_nothing_is_left_running_by_one_that_was_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "run"), str(tmp_path / "local.env")]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + 15
    while str(tmp_path) in (left := list_processes()):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)
