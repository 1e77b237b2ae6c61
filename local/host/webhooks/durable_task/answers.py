"""Answers of the API, and its refusals. Source: the extension's HttpApiHandler.cs and WebJobs' CreateErrorResponse."""

import json
from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

_JSON: Final = "application/json; charset=utf-8"
_WRONG_ARGUMENT: Final = "One or more of the arguments submitted is incorrect"


class Refusal(Exception):  # noqa: N818 - it says what happened
    """A request that gets a status of an error, with a document or without."""

    def __init__(self, status: int, document: Any = None) -> None:
        super().__init__(f"{status} {document}")
        self.status = status
        self.document = document


def respond(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with a document as JSON."""
    return Response(json.dumps(document), status, headers, _JSON)


def respond_to_refusal(refusal: Refusal) -> Response:
    """Answer a request that is refused."""
    if refusal.document is None:
        return Response(status_code=refusal.status)
    return respond(refusal.document, refusal.status)


def describe_error(kind: str, text: str, message: str = _WRONG_ARGUMENT) -> dict[str, str]:
    """Describe an exception, as .NET names its kind; there is no stack of ours to show."""
    return {"Message": message, "ExceptionMessage": text, "ExceptionType": kind, "StackTrace": ""}


def unknown_function(name: str, kind: str, known: list[str]) -> str:
    """Say that the app has no function of that name and kind."""
    names = f"It has: '{"', '".join(known)}'." if known else "It has none."
    return f"The function '{name}' doesn't exist, is disabled, or is not an {kind} function. {names}"
