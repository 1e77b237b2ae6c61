"""The host's state on disk: one SQLite database that one host at a time may have open."""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


class StateUnusable(RuntimeError):  # noqa: N818 - it says what happened
    """The state cannot be opened: another host has it, or it is damaged."""


@contextmanager
def open_state(directory: Path) -> Iterator[sqlite3.Connection]:
    """Open the state of a directory, made at first; raises StateUnusable.

    A write-ahead log without a flush to the disk for each transaction: what was committed survives the death of every
    process at any moment, and after a power cut the last transactions may be missing.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "state.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"another host runs with the state in {directory}: end it first"
            raise StateUnusable(message) from None
        with closing(sqlite3.connect(directory / "state.db", isolation_level=None)) as connection:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
            except sqlite3.DatabaseError as error:
                message = f"{directory / 'state.db'} cannot be used: {error}; remove it to begin anew"
                raise StateUnusable(message) from None
            yield connection
