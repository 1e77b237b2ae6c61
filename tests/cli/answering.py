"""Answers commands of the Azure CLI, one after the other, in one process of its own Python: starting it takes long.

Reads each command as a line with a JSON list of arguments; writes a line of JSON: its exit code, output and error.
"""

import contextlib
import io
import json
import sys
from typing import Any

from azure.cli.core import get_default_cli  # type: ignore[import-untyped]


def answer(arguments: list[str]) -> dict[str, Any]:
    cli, output, told = get_default_cli(), io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(told), contextlib.redirect_stdout(told):
        try:
            code = cli.invoke(arguments, out_file=output)
        except SystemExit as end:
            code = end.code
    error = str(cli.result.error) if cli.result is not None and cli.result.error else ""
    return {"code": code, "output": output.getvalue(), "error": f"{told.getvalue()}{error}"}


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()
