"""`python -m local demo` shows a provision; `python -m local run` keeps everything running until Ctrl-C."""

import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Final

from rich.console import Console

from local.stack import REPOSITORY, running_stack

ENVIRONMENT_FILE: Final = REPOSITORY / ".local" / "local.env"
PROVISIONING_SECONDS: Final = 10
ACTIVATION_SECONDS: Final = 5


def run_until_stopped() -> int:
    """Run everything in the foreground; `.local/local.env` appears when all of it answers, and goes with it."""
    console = Console(highlight=False)
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        stopped.set()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    ENVIRONMENT_FILE.unlink(missing_ok=True)
    with running_stack(
        REPOSITORY / ".local" / "run",
        provisioning_seconds=PROVISIONING_SECONDS,
        activation_seconds=ACTIVATION_SECONDS,
        tell=console.print,
    ) as stack:
        try:
            _write_environment(ENVIRONMENT_FILE, stack.client_environment())
            console.print(
                f"the API answers at {stack.host.functions_url}/api; clients: .local/local.env; end: Ctrl-C",
                soft_wrap=True,
            )
            stopped.wait()
        finally:
            ENVIRONMENT_FILE.unlink(missing_ok=True)
    return 0


def _write_environment(path: Path, values: dict[str, str]) -> None:
    partial = path.with_suffix(".partial")
    partial.touch(mode=0o600)
    partial.write_text("".join(f"{key}={value}\n" for key, value in values.items()))
    partial.replace(path)


def main() -> int:
    """Run the command that was named."""
    if sys.argv[1:] == ["demo"]:
        from local.demo import run_demo

        return run_demo()
    if sys.argv[1:] == ["run"]:
        return run_until_stopped()
    sys.stderr.write("usage: python -m local demo|run\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
