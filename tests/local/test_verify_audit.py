"""The command with which an auditor checks a copy of the audit log, without Azure and without the service."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.audit import AuditRecord, chain_path, refusal_path, seal
from domain.records import sha256_of
from local.child_process import REPOSITORY

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
ULID = "01M865QVTX4E83NPAB5GCA8VE5"
CLOSED, OPEN = f"contoso-hsm-{ULID}", f"fabrikam-hsm-{ULID}"
STORIES = {CLOSED: ("accepted", "intent", "result", "ended"), OPEN: ("accepted", "intent")}
REFUSAL = refusal_path(NOON, ULID)
Harm = Callable[[Path], object]


def verify(directory: Path | str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "local.verify_audit", str(directory)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60)


def write(directory: Path, path: str, content: bytes) -> None:
    target = directory / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for operation, kinds in STORIES.items():
        previous = None
        for number, kind in enumerate(kinds, 1):
            step = "provision_hsm" if kind in ("intent", "result") else None
            record = AuditRecord.model_validate(
                {
                    "operation_id": operation,
                    "at": NOON,
                    "kind": kind,
                    "step": step,
                    "number": number,
                    "previous_sha256": previous,
                }
            )
            write(tmp_path, chain_path(operation, number), seal(record))
            previous = sha256_of(seal(record))
    write(tmp_path, REFUSAL, seal(AuditRecord(at=NOON, kind="refused", outcome="role_missing", number=1)))
    return tmp_path


def test_a_good_copy(copy: Path) -> None:
    done = verify(copy)
    assert (done.returncode, done.stderr) == (0, "")
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in done.stdout.splitlines() if "│" in line]
    last = {operation: copy / chain_path(operation, len(kinds)) for operation, kinds in STORIES.items()}
    assert rows == [
        [CLOSED, "4", "closed", sha256_of(last[CLOSED].read_bytes())],
        [OPEN, "2", "open", sha256_of(last[OPEN].read_bytes())],
        ["refusals/2026-11-01", "1", "sound", ""],
    ]
    assert "1 closed, 1 open, 1 sound" in done.stdout
    assert "newest records of a chain were cut off" in done.stdout


SECOND = chain_path(CLOSED, 2)


def change(directory: Path, path: str) -> None:
    content = (directory / path).read_bytes()
    (directory / path).write_bytes(content.replace(b"2026", b"2025"))


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        (lambda copy: change(copy, SECOND), f"{SECOND}: these are not the bytes that were written"),
        (lambda copy: (copy / SECOND).unlink(), f"{SECOND}: missing"),
        (
            lambda copy: (copy / SECOND).write_bytes(b" " * 10**6),
            f"{SECOND}: these are not the bytes that were written",
        ),
        (lambda copy: change(copy, REFUSAL), f"{REFUSAL}: these are not the bytes that were written"),
        (lambda copy: write(copy, "x\x1b[2J[red].json", b""), "x\\x1b[2J[red].json: no audit record has this path"),
        (lambda copy: (copy / SECOND).rename(copy / chain_path(OPEN, 3)), "it is number 2 of its chain"),
        (
            lambda copy: (copy / chain_path(CLOSED, 5)).symlink_to("/etc/hostname"),
            f"{chain_path(CLOSED, 5)}: these are not the bytes that were written",
        ),
    ],
)
def test_a_broken_copy_names_each_fault(copy: Path, harm: Harm, found: str) -> None:
    harm(copy)
    done = verify(copy)
    assert done.returncode == 1
    assert found in done.stdout
    assert " broken" in done.stdout
    assert "\x1b" not in done.stdout


def test_nothing_to_check_is_no_success(tmp_path: Path) -> None:
    empty = verify(tmp_path)
    assert (empty.returncode, empty.stdout) == (2, "")
    assert "has no audit records" in empty.stderr
    missing = verify(tmp_path / "missing")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "is no directory" in missing.stderr


def test_it_loads_nothing_of_azure() -> None:
    program = "import local.verify_audit, sys; print(*sorted(sys.modules))"
    command = [sys.executable, "-c", program]
    loaded = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.split()
    assert "domain.audit" in loaded
    assert [name for name in loaded if name.startswith(("azure", "clients", "durabletask"))] == []
