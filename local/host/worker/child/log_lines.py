"""The lines that host and worker log: for people, or one JSON object each for machines.

A record is one line. Only in the lines for people, an exception's traceback follows it, indented. Records of an
invocation carry `function`, `invocationId` and, at its end, `durationMs`; one whose exception happened elsewhere
carries that as `exception`, a text.
"""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any, Literal

LogFormat = Literal["text", "json"]
# A tab breaks no line; everything else that is no character to print could, or could deceive a reader.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")


def set_up_logging(log_format: LogFormat, *filters: logging.Filter) -> None:
    """Log to standard error what is of interest: this level and above, of all loggers."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if log_format == "json" else TextLines())
    for each in filters:
        handler.addFilter(each)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


class TextLines(logging.Formatter):
    """Time, level, logger, message, then function and invocation in brackets; tracebacks follow, indented."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        line = f"{_time(record)} {record.levelname} {record.name} {record.getMessage()}"
        invocation = [str(record.__dict__[key]) for key in ("function", "invocationId") if record.__dict__.get(key)]
        if invocation:
            line += f" [{' '.join(invocation)}]"
        following = [f"    {each}" for each in _exception(self, record).splitlines()]
        return "\n".join(_CONTROL.sub(_escape, each) for each in [line, *following])


class JsonLines(logging.Formatter):
    """One object in one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        document: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        for key in ("function", "invocationId", "durationMs"):
            if record.__dict__.get(key) is not None:
                document[key] = record.__dict__[key]
        if exception := _exception(self, record):
            document["exception"] = exception
        return json.dumps(document)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    return moment.replace("+00:00", "Z")


def _exception(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    here = formatter.formatException(record.exc_info) if record.exc_info and record.exc_info[0] else ""
    return "\n".join(str(text) for text in (here, record.__dict__.get("exception"), record.stack_info) if text)


def _escape(found: re.Match[str]) -> str:
    return found.group().encode("unicode_escape").decode()
