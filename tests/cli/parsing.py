"""Says of many commands of the Azure CLI whether it takes them, in its own Python; nobody is signed in, so none runs.

Reads a JSON list of argument lists, and prints a JSON list: null for a command that is taken, or what is said of it.
"""

import contextlib
import io
import json
import sys

from azure.cli.core import get_default_cli  # type: ignore[import-untyped]


def refusal(arguments: list[str]) -> str | None:
    """Give what the CLI says of a command that it does not take; what it takes wants somebody to be signed in."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        cli = get_default_cli()
        try:
            cli.invoke(arguments, out_file=io.StringIO())
        except SystemExit:
            return said.getvalue()
    ended = str(cli.result.error)
    return None if "az login" in ended else ended


if __name__ == "__main__":
    sys.stdout.write(json.dumps([refusal(arguments) for arguments in json.load(sys.stdin)]))
