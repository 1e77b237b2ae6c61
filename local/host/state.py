"""The host's state on disk: one SQLite database that one host at a time may have open, for its owner only."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Final

# The version of all tables together.
VERSION: Final = 1


class StateUnusable(RuntimeError):  # noqa: N818 - it says what happened
    """The state cannot be opened: another host has it, another version made it, or it is damaged."""


@contextmanager
def open_state(directory: Path) -> Iterator[sqlite3.Connection]:
    """Open the state of a directory, made at first; raises StateUnusable, and OSError where the disk refuses.

    A write-ahead log without a flush to the disk for each transaction: what was committed survives the death of every
    process at any moment, and after a power cut the last transactions may be missing.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _open_private(directory / "state.lock") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"another host runs with the state in {directory}: end it first"
            raise StateUnusable(message) from None
        path = directory / "state.db"
        # SQLite gives the files beside it the same mode.
        _open_private(path).close()
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            _prepare(connection, path)
            yield connection


def _open_private(path: Path) -> TextIOWrapper:
    return open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "a")  # noqa: PTH123 - of a descriptor


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.DatabaseError as error:
        message = f"{path} cannot be used: {error}; remove it to begin anew"
        raise StateUnusable(message) from None
    if tables and version != VERSION:
        message = f"{path} was made by another version of the local host; remove it to begin anew"
        raise StateUnusable(message)
    connection.execute(f"PRAGMA user_version = {VERSION}")
