"""Runs many commands of the Azure CLI in one process of its own Python: starting it takes longer than a command.

Reads a JSON list of argument lists, and prints a JSON list of what each one ended with: null, or what it said.
"""

import contextlib
import io
import json
import sys

from azure.cli.core import get_default_cli  # type: ignore[import-untyped]


def run(arguments: list[str]) -> str | None:
    cli = get_default_cli()
    with contextlib.redirect_stderr(io.StringIO()):
        code = cli.invoke(arguments, out_file=io.StringIO())
    return str(cli.result.error) if code else None


if __name__ == "__main__":
    answers = [run(arguments) for arguments in json.load(sys.stdin)]
    sys.stdout.write(json.dumps(answers))
