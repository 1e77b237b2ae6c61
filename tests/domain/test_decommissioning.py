"""Whether an HSM was used since its deletion was planned, and where a backup of it lies."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.backups import FullBackup, read_backup_url
from domain.decommissioning import EVIDENCE, UsageEvidence, find_unseen_requests, is_new_use

PLANNED = datetime(2026, 11, 1, 12, tzinfo=UTC)
CONTAINER = "https://contosobackups.blob.core.windows.net/hsm"
FOLDER = "mhsm-contoso-hsm-2026112402000042"


def evidence(requests: int | None, until: datetime = PLANNED) -> UsageEvidence:
    return UsageEvidence(since=PLANNED - EVIDENCE, until=until, requests=requests)


@pytest.mark.parametrize(
    ("shown", "now", "hours", "own", "new"),
    [
        (0, 0, 72, 0, False),
        (0, 20, 1, 0, False),
        (0, 21, 1, 0, True),
        (None, 21, 1, 0, True),
        (None, None, 1, 0, False),
        # What Azure does not say keeps nobody waiting.
        (5, None, 72, 0, False),
        # What goes on as the approver saw it is nothing new: a thousand a day, and in two days two thousand.
        (30_000, 32_000, 48, 0, False),
        (30_000, 34_001, 48, 0, True),
        # This service asks how the backup goes.
        (0, 120, 1, 100, False),
        (0, 121, 1, 100, True),
        # What is old is not counted any more by Azure.
        (500, 400, 72, 0, False),
    ],
)
def test_use_that_was_not_shown(shown: int | None, now: int | None, hours: int, own: int, *, new: bool) -> None:
    later = evidence(now, PLANNED + timedelta(hours=hours))
    assert is_new_use(evidence(shown), later, own) == new
    assert find_unseen_requests(evidence(shown), later) == max(0, (now or 0) - (shown or 0))


@pytest.mark.parametrize(
    ("url", "known"),
    [
        (f"{CONTAINER}/{FOLDER}", True),
        (f"{CONTAINER}/{FOLDER}/", True),
        (f"{CONTAINER}-2/{FOLDER}", False),
        (f"{CONTAINER}/other/{FOLDER}", False),
        (f"{CONTAINER}/mhsm-contoso-hsm", False),
        (CONTAINER, False),
        ("", False),
    ],
)
def test_where_a_backup_lies_is_read_only_as_a_folder_of_its_container(url: str, *, known: bool) -> None:
    assert read_backup_url(url, CONTAINER) == (FullBackup(container=CONTAINER, folder=FOLDER) if known else None)
