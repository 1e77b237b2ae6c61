"""`python -m local demo` shows a provision; `python -m local run` keeps everything running until Ctrl-C."""

import os
import signal
import sys
import time
from types import FrameType
from typing import Final

from rich.console import Console

from local.child_process import REPOSITORY, NotStarted
from local.stack import Stack, StackInUse, running_stack

ENVIRONMENT_FILE: Final = REPOSITORY / ".local" / "local.env"
PROVISIONING_SECONDS: Final = 10
ACTIVATION_SECONDS: Final = 5
INTERRUPTED: Final = 130


def run_until_stopped() -> int:
    """Run everything in the foreground; `.local/local.env` appears when all of it answers, and goes with it.

    Settings of the app that the environment names (`HSM_PROVISIONER_*`) go before those of the local deployment.
    """
    console = Console(highlight=False)
    with running_stack(
        REPOSITORY / ".local" / "run",
        provisioning_seconds=PROVISIONING_SECONDS,
        activation_seconds=ACTIVATION_SECONDS,
        tell=console.print,
        environment_file=ENVIRONMENT_FILE,
        settings={name: value for name, value in os.environ.items() if name.startswith("HSM_PROVISIONER_")},
    ) as stack:
        try:
            address = f"{stack.host.functions_url}/api/console/"
            console.print(f"the console: {address}, in a browser as docs/contributors.md says", soft_wrap=True)
            console.print(
                f"the API answers at {stack.host.functions_url}/api; clients: .local/local.env; end: Ctrl-C",
                soft_wrap=True,
            )
            _await_fall(stack, console)
        except KeyboardInterrupt:
            return 0
    return 1


def _await_fall(stack: Stack, console: Console) -> None:
    """Wait, and come back only if a part ended by itself."""
    parts = {"the local Azure": stack.azure.process, "the local host": stack.host.process}
    while True:
        for name, process in parts.items():
            if process.ended:
                console.print(f"{name} ended by itself; its log is {process.log_path}", soft_wrap=True)
                return
        time.sleep(0.5)


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
    raise KeyboardInterrupt


def main() -> int:
    """Run the command that was named; whatever signal ends it, what it started ends, too."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        if sys.argv[1:] == ["demo"]:
            from local.demo import run_demo

            return run_demo()
        if sys.argv[1:] == ["run"]:
            return run_until_stopped()
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        return INTERRUPTED
    except (NotStarted, StackInUse) as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    sys.stderr.write("usage: python -m local demo|run\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
