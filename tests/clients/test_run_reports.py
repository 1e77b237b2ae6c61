"""Reports of runs: each is kept once, the last hundred are."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Final

from clients.run_reports import KEPT_REPORTS, find_last_report, has_reports, keep_report
from domain.cleanup_reports import CleanupRun
from local.stack import Stack
from tests.in_process import signed_in_as_the_app
from tests.planting import plant_blob
from tests.stored import service

FOLDER: Final = "reports/of-a-test/"
FIRST: Final = datetime(2026, 11, 1, 4, tzinfo=UTC)


def test_the_last_hundred_reports_are_kept_each_once(stack: Stack) -> None:
    with signed_in_as_the_app(stack):
        assert not has_reports(FOLDER)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda day: plant_blob(stack, path(day), report(day), {}), range(KEPT_REPORTS)))
        for _ in ("once", "and again, as after a kill"):
            keep_report(FOLDER, report(KEPT_REPORTS), str(KEPT_REPORTS), report(KEPT_REPORTS).started_at)
        assert find_last_report(CleanupRun, FOLDER) == report(KEPT_REPORTS)
    kept = service(stack).get_container_client("hsm-records").list_blob_names(name_starts_with=FOLDER)
    assert list(kept) == [path(day) for day in range(1, KEPT_REPORTS + 1)]


def report(day: int) -> CleanupRun:
    return CleanupRun(id=str(day), started_at=FIRST + timedelta(days=day))


def path(day: int) -> str:
    return f"{FOLDER}{report(day).started_at:%Y-%m-%dT%H:%M:%SZ}-{day}.json"
