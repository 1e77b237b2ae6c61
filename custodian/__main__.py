"""`python -m custodian COMMAND`: see `--help` and docs/custodians.md."""

import io
import logging
import os
import sys
from contextlib import suppress
from pathlib import Path

# Before anything else is loaded: nothing is written that nobody asked for, compiled modules neither.
sys.dont_write_bytecode = True

from custodian.command_line import make_parser  # noqa: E402
from custodian.errors import CustodianError, exit_code_of  # noqa: E402
from custodian.results import Result, write_document, write_lines  # noqa: E402
from domain.security_domain.errors import SecurityDomainError  # noqa: E402


def main() -> int:
    """Run one command; raises nothing."""
    _close_leaks()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A console that cannot write a name, as some on Windows, writes a question mark.
            stream.reconfigure(errors="replace")
    as_json = "--json" in sys.argv
    try:
        arguments = make_parser().parse_args()
        result: Result = arguments.command(arguments)
    except (CustodianError, SecurityDomainError) as error:
        return _refuse(error.code, error.message, as_json=as_json)
    except KeyboardInterrupt:
        return _refuse("stopped", "Stopped.", as_json=as_json)
    except Exception as error:  # noqa: BLE001 - its text, or a traceback's, might hold what nobody may see
        return _refuse("unexpected", f"This is a fault of the tool: {_locate(error)}.", as_json=as_json)
    sys.stdout.write(write_document(result.document) if as_json else write_lines(result.lines))
    return result.exit_code


def _close_leaks() -> None:
    """Close the ways by which what a process holds reaches a disk unasked, as far as that is possible."""
    # Python's TLS writes its keys where this says.
    os.environ.pop("SSLKEYLOGFILE", None)
    # What libraries log is not ours to judge.
    logging.disable()
    with suppress(ImportError, OSError, ValueError):
        # Not on Windows.
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _refuse(code: str, message: str, *, as_json: bool) -> int:
    if as_json:
        sys.stdout.write(write_document({"error": {"code": code, "message": message}}))
    else:
        sys.stderr.write(write_lines([f"{code}: {message}"]))
    return exit_code_of(code)


def _locate(error: Exception) -> str:
    """Name the kind of an exception and the line that raised it, without its text."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__}{where}"


if __name__ == "__main__":
    sys.exit(main())
