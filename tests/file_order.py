"""In which order files of tests run: those that take long first, so that none goes on alone when all else has ended."""

from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Final

# About how long a test of a folder takes, with its share of what its file starts; what is not named takes a moment.
SECONDS: Final = {
    "tests": 4.0,
    "tests/clients": 1.3,
    "tests/custodian": 1.1,
    "tests/local": 8.0,
    "tests/local/azure/managed_hsm": 1.0,
    "tests/local/host": 2.2,
    "tests/local/host/conformance": 0.5,
    "tests/local/host/engine": 1.3,
    "tests/local/host/samples": 2.5,
    "tests/local/host/torture": 76.0,
    "tests/local/host/worker": 3.7,
}
A_MOMENT: Final = 0.2
# Few tests that drive the whole app can be long stories.
AT_LEAST: Final = {"tests": 40.0}


def order_files(paths: Iterable[str]) -> list[str]:
    """Name the files from longest to shortest, given the file of each test, from the repository's root."""
    counts = Counter(paths)
    return sorted(counts, key=lambda path: (-_estimate(path, counts[path]), path))


def _estimate(path: str, tests: int) -> float:
    folder = str(PurePosixPath(path).parent)
    return max(tests * SECONDS.get(folder, A_MOMENT), AT_LEAST.get(folder, 0))
