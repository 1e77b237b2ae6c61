"""What goes wrong with requests on demand: another answer than the service's, a delay, a broken connection or body."""

import re
import uuid
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Send

# What a service calls a refusal that nobody gave a code.
_CODES: Final[dict[tuple[str, int], str]] = {
    ("resource_manager", 403): "AuthorizationFailed",
    ("managed_hsm", 403): "AccessDenied",
    ("key_vault", 403): "Forbidden",
    ("blob_storage", 403): "AuthorizationPermissionMismatch",
    ("resource_manager", 429): "TooManyRequests",
    ("managed_hsm", 429): "Throttled",
    ("key_vault", 429): "Throttled",
    ("blob_storage", 503): "ServerBusy",
    ("blob_storage", 500): "InternalError",
}
_PAGE: Final = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


class _Effect(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, extra="forbid")


class Answer(_Effect):
    """Answers instead of the service: nothing takes effect."""

    kind: Literal["answer"] = "answer"
    status: int = Field(ge=400, le=599)
    code: str | None = None
    retry_after_seconds: int | None = None


class Delay(_Effect):
    """Keeps the request back for some of the machine's seconds before the service gets it."""

    kind: Literal["delay"] = "delay"
    seconds: float = Field(ge=0, le=600)


class Reset(_Effect):
    """Breaks the connection, before the request takes effect or after it and before its answer."""

    kind: Literal["reset"] = "reset"
    phase: Literal["before", "after"]


class BrokenBody(_Effect):
    """Lets the request take effect and spoils the answer's body: cut off in the middle, or a page of a gateway's."""

    kind: Literal["body"] = "body"
    form: Literal["truncated", "not_json"]


Effect = Answer | Delay | Reset | BrokenBody


@dataclass
class Match:
    """Which requests are meant; `skip` of them pass first. What is None or empty is not looked at.

    `host` and `path` are regular expressions, to be found anywhere, whatever their case.
    """

    service: str
    method: str | None = None
    host: str = ""
    path: str = ""
    skip: int = 0

    def takes(self, service: str, request: Request) -> bool:
        """Say whether a request is meant, and count it."""
        if service != self.service or (self.method is not None and request.method != self.method.upper()):
            return False
        parts = [(request.headers.get("host", ""), self.host), (request.url.path, self.path)]
        if not all(re.search(wanted, text, re.IGNORECASE) for text, wanted in parts):
            return False
        self.skip -= 1
        return self.skip < 0


@dataclass
class Fault:
    """An effect on the next requests that match, a number of times."""

    match: Match
    effect: Effect
    count: int
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    met: int = 0


def make_answer(service: str, answer: Answer) -> Response:
    """Write an answer in the form of the service that it comes from."""
    code = answer.code or _CODES.get((service, answer.status), "InjectedFault")
    message = "The control API asked for this answer."
    headers = {} if answer.retry_after_seconds is None else {"Retry-After": str(answer.retry_after_seconds)}
    if service == "blob_storage":
        headers |= {"x-ms-error-code": code, "x-ms-request-id": str(uuid.uuid4())}
        text = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
        return Response(text, answer.status, headers, "application/xml")
    if service == "entra":
        return JSONResponse({"error": code, "error_description": message}, answer.status, headers)
    return JSONResponse({"error": {"code": code, "message": message}}, answer.status, headers)


class AnswerBreaker:
    """Takes a service's answer and sends it as a fault wants it."""

    def __init__(self, send: Send, effect: Reset | BrokenBody) -> None:
        self._send = send
        self._effect = effect
        self._start: Message = {}
        self._body = bytearray()

    async def send(self, message: Message) -> None:
        """Collect the answer, and send what is left of it once it is complete."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        if isinstance(self._effect, Reset):
            break_connection(self._send)
            return
        await (self._send_truncated() if self._effect.form == "truncated" else self._send_page())

    async def _send_truncated(self) -> None:
        await self._send(self._start)
        half = bytes(self._body[: len(self._body) // 2])
        await self._send({"type": "http.response.body", "body": half, "more_body": True})
        break_connection(self._send)

    async def _send_page(self) -> None:
        dropped = (b"content-length", b"content-type", b"content-encoding")
        headers = [(name, value) for name, value in self._start.get("headers", []) if name.lower() not in dropped]
        headers += [(b"content-type", b"text/html"), (b"content-length", str(len(_PAGE)).encode())]
        await self._send({**self._start, "headers": headers})
        await self._send({"type": "http.response.body", "body": _PAGE})


def break_connection(send: Send) -> None:
    """Reset the connection that a request came over.

    ASGI has no word for it: `send` is a method of the server's own cycle (uvicorn, `RequestResponseCycle`), which knows
    its transport.
    """
    transport: Any = send.__self__.transport  # type: ignore[attr-defined]
    transport.abort()


def describe_fault(fault: Fault) -> dict[str, Any]:
    """Describe a fault for the control API."""
    return {"id": fault.id, "effect": fault.effect.model_dump(by_alias=True), "count": fault.count, "met": fault.met}
