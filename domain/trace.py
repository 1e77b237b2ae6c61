"""The ids by which one request is followed through our logs and Azure's."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from domain.model import Model

CLIENT_REQUEST_ID: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")
# Version 00 of https://www.w3.org/TR/trace-context/, section 3.2; ids of zeros only are invalid.
_TRACEPARENT: Final = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")


class Trace(Model):
    """What a caller calls its request, and the trace that the request is part of (a W3C `traceparent`)."""

    client_request_id: str | None = None
    traceparent: str | None = None

    @property
    def trace_id(self) -> str:
        """The trace's id, which all its spans share; empty without a trace."""
        return self.traceparent.split("-")[1] if self.traceparent else ""

    @property
    def span_id(self) -> str:
        """The caller's part of the trace; empty without a trace."""
        return self.traceparent.split("-")[2] if self.traceparent else ""

    def headers(self) -> dict[str, str]:
        """Give the headers that take the trace on to a call of ours, which is a span of its own."""
        headers = {}
        if self.client_request_id:
            headers["x-ms-client-request-id"] = self.client_request_id
        matched = _TRACEPARENT.fullmatch(self.traceparent or "")
        if matched:
            headers["traceparent"] = f"00-{matched[1]}-{secrets.token_hex(8)}-{matched[2]}"
        return headers

    def __str__(self) -> str:
        return f"client_request_id={self.client_request_id or '-'} trace_id={self.trace_id or '-'}"


def valid_traceparent(text: str | None) -> str | None:
    """Give a `traceparent` that is one; any other is ignored, as the standard asks (section 4.3)."""
    return text if text and _TRACEPARENT.fullmatch(text) else None


_NOBODYS: Final = Trace()
_current: ContextVar[Trace] = ContextVar("trace", default=_NOBODYS)


def current_trace() -> Trace:
    """Give the trace of what is being done here."""
    return _current.get()


def follow(trace: Trace) -> None:
    """Go on as part of a trace, until the end of what is being carried."""
    _current.set(trace)


@contextmanager
def carrying(trace: Trace | None) -> Iterator[None]:
    """Do what is within as part of a trace."""
    token = _current.set(trace or _NOBODYS)
    try:
        yield
    finally:
        _current.reset(token)
