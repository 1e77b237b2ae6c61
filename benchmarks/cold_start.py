"""What a cold start costs: importing the app beside its frameworks, and the first authenticated requests.

Run from the repository: `.venv/bin/python -m benchmarks.cold_start`. Exits 1 where a limit is passed.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from local.portal import Portal
from local.stack import running_stack

REPOSITORY: Final = Path(__file__).resolve().parents[1]
RUNS: Final = 7
# The settings and the policy are checked at start, so pydantic and its models load then, and not at the first request.
RATIO_LIMIT: Final = 1.6
REQUEST_LIMIT_SECONDS: Final = 1.0
FRAMEWORKS: Final = "import azure.functions, azure.durable_functions"
APP: Final = f"{FRAMEWORKS}; import function_app"


def main() -> int:
    """Measure, print, and hold against the limits."""
    ratios, frameworks, apps = measure_imports()
    print(f"import of azure-functions and azure-functions-durable: {statistics.median(frameworks):.3f} s")
    print(f"import of function_app, they included:                 {statistics.median(apps):.3f} s")
    ratio = statistics.median(ratios)
    print(f"ratio, median of {RUNS} pairs: {ratio:.2f} (limit {RATIO_LIMIT})")
    first, second = measure_requests()
    print(f"first authenticated request, answered from storage: {first:.3f} s (limit {REQUEST_LIMIT_SECONDS:.0f} s)")
    print(f"the same again:                                     {second:.3f} s")
    return 0 if ratio <= RATIO_LIMIT and first < REQUEST_LIMIT_SECONDS else 1


def measure_imports() -> tuple[list[float], list[float], list[float]]:
    """Time both imports in turn, each in an interpreter of its own, so that a slow moment meets both."""
    run_python(APP)
    frameworks, apps = [], []
    for _ in range(RUNS):
        frameworks.append(run_python(FRAMEWORKS))
        apps.append(run_python(APP))
    return [app / framework for app, framework in zip(apps, frameworks, strict=True)], frameworks, apps


def run_python(statement: str) -> float:
    """Time a statement within a new interpreter, without the interpreter's own start."""
    program = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    output = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, check=True, capture_output=True, text=True
    ).stdout
    return float(output)


def measure_requests() -> tuple[float, float]:
    """Time the first request that a new worker authenticates and answers from storage, and the same again.

    It loads PyJWT, cryptography, azure-identity and azure-storage-blob, reads Entra's keys and gets a token.
    """
    with (
        tempfile.TemporaryDirectory() as directory,
        running_stack(Path(directory) / "run", provisioning_seconds=1, activation_seconds=1) as stack,
    ):
        portal = Portal(stack)
        portal.token()
        return time_request(portal), time_request(portal)


def time_request(portal: Portal) -> float:
    """Time a request for an operation that does not exist, though its id could."""
    began = time.perf_counter()
    response = portal.send("GET", "operations/nobody-has-this-01HZZZZZZZZZZZZZZZZZZZZZZZ")
    seconds = time.perf_counter() - began
    if response.status_code != 404:
        message = f"unexpected answer {response.status_code}"
        raise RuntimeError(message)
    return seconds


if __name__ == "__main__":
    sys.exit(main())
