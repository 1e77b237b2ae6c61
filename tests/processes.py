"""What runs on this machine."""

import subprocess


def list_processes() -> str:
    """Give the command lines of all processes, in full."""
    return subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True, check=True).stdout
