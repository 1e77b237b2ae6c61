"""Moves the time of day on in this program and in all that it starts: Azurite's, the app's, everybody's."""

import os
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

_FILE: Final = "MOVED_TIME"
_SOURCE: Final = Path(__file__).with_name("moved_time.c")


def run_with_movable_time(module: str) -> None:
    """Begin this program anew with a time that can be moved; returns where it began so.

    Raises RuntimeError without a C compiler: the library that does it is made here.
    """
    if _FILE in os.environ:
        return
    compiler = shutil.which("cc")
    if compiler is None:
        message = "this needs a C compiler: apt-get install gcc libc6-dev"
        raise RuntimeError(message)
    with tempfile.TemporaryDirectory() as directory:
        library, file = Path(directory) / "moved_time.so", Path(directory) / "seconds"
        file.write_bytes(_pack(0))
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, _SOURCE, "-ldl"], check=True)
        environment = {**os.environ, "LD_PRELOAD": str(library), _FILE: str(file)}
        ended = subprocess.run([sys.executable, "-m", module, *sys.argv[1:]], env=environment, check=False)
    sys.exit(ended.returncode)


def move_time(seconds: int) -> None:
    """Move it on, for all at once."""
    with Path(os.environ[_FILE]).open("r+b") as file:
        (before,) = struct.unpack("q", file.read(8))
        file.seek(0)
        file.write(_pack(before + seconds))


def _pack(seconds: int) -> bytes:
    return struct.pack("q", seconds)
