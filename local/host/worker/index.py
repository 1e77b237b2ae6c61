"""What the worker found in the app, checked: everything that a function asks for must be there."""

import logging
from typing import Any, Final

from local.host.functions import Function

BINDINGS: Final = frozenset(
    {
        "httpTrigger",
        "http",
        "timerTrigger",
        "eventGridTrigger",
        "activityTrigger",
        "orchestrationTrigger",
        "entityTrigger",
        "durableClient",
    }
)
_log = logging.getLogger("local.host.worker")


class AppNotIndexed(RuntimeError):  # noqa: N818 - it says what happened
    """The app cannot be served; the text is one line that says why."""


def read_index(message: dict[str, Any]) -> list[Function]:
    """Read the worker's first message; raises AppNotIndexed."""
    if "failure" in message:
        raise AppNotIndexed(message["failure"])
    for each in message["functions"]:
        if each["retries"]:
            _log.warning("function %s: its retry policy is not honoured", each["name"])
    functions = [Function(each["id"], each["name"], tuple(each["bindings"])) for each in message["functions"]]
    for function in functions:
        for binding in function.bindings:
            if binding["type"] not in BINDINGS:
                text = f"function {function.name}: the local host has no binding of type {binding['type']}"
                raise AppNotIndexed(text)
    if not functions:
        _log.warning("the app has no functions")
    return functions
