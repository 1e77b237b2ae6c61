"""What is recorded of requests, activities and calls to Azure for traces: names, ids, times and codes, nothing else."""

import hashlib
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

from domain.trace import Trace

SpanKind = Literal["server", "client", "internal"]
type Attributes = dict[str, str | int]

OPERATION_ID: Final = "hsm_provisioner.operation.id"

# What looking first meets, and the challenge that a sign-in begins with: no failure of the call.
_EXPECTED: Final = frozenset({401, 404, 409, 412})
_FIRST_FAILURE: Final = 400


class Span(NamedTuple):
    """A finished piece of work within a trace; ids in hexadecimal, times in nanoseconds of Unix time.

    `error` is an error's code or type, where it failed.
    """

    name: str
    kind: SpanKind
    trace_id: str
    span_id: str
    parent_id: str | None
    began: int
    ended: int
    attributes: Attributes
    error: str | None = None


class Call:
    """A call to Azure under way; of its address only the host is kept."""

    def __init__(self, method: str, url: str, traceparent: str | None) -> None:
        self.method = method
        self.host = urlsplit(url).hostname or ""
        # The id under which it arrives there.
        self.span_id = traceparent.split("-")[2] if traceparent else new_span_id()
        self.began = time.time_ns()
        self.ended = self.began
        self.status: int | None = None
        self.error: str | None = None

    def end(self, error: BaseException | None = None) -> None:
        """Note when it ended, and whether that was a failure."""
        self.ended = time.time_ns()
        if error is not None:
            self.error = type(error).__name__
        elif self.status is not None and self.status >= _FIRST_FAILURE and self.status not in _EXPECTED:
            self.error = str(self.status)

    def span(self, trace_id: str, parent_id: str) -> Span:
        """Make its span, named and described as OpenTelemetry's HTTP client spans are."""
        attributes: Attributes = {
            "http.request.method": self.method,
            "server.address": self.host,
            "server.port": 443,
            "url.scheme": "https",
        }
        if self.status is not None:
            attributes["http.response.status_code"] = self.status
        return Span(
            self.method, "client", trace_id, self.span_id, parent_id, self.began, self.ended, attributes, self.error
        )


_calls: ContextVar[list[Call] | None] = ContextVar("calls", default=None)


@contextmanager
def collecting_calls() -> Iterator[list[Call]]:
    """Collect the calls to Azure that are made within, in the order of their ends."""
    calls: list[Call] = []
    token = _calls.set(calls)
    try:
        yield calls
    finally:
        _calls.reset(token)


@contextmanager
def recording_call(method: str, url: str, traceparent: str | None) -> Iterator[Call]:
    """Record a call to Azure, where somebody collects them; its status is for the caller to note."""
    call = Call(method, url, traceparent)
    try:
        yield call
    except BaseException as error:
        call.end(error)
        raise
    else:
        call.end()
    finally:
        calls = _calls.get()
        if calls is not None:
            calls.append(call)


def new_trace_id() -> str:
    """Make the id of a trace that nobody began before."""
    return secrets.token_hex(16)


def new_span_id() -> str:
    """Make the id of a span."""
    return secrets.token_hex(8)


def trace_of_operation(operation_id: str, trace: Trace) -> str:
    """Give the trace that an operation is part of: its request's.

    Where that brought none, it is the same in every worker, and kept nowhere.
    """
    return trace.trace_id or _digest("trace", operation_id)[:32]


def span_of_operation(operation_id: str) -> str:
    """Give the span of an operation, the parent of its activities': the same in every worker, and kept nowhere."""
    return _digest("span", operation_id)[:16]


def _digest(of: str, operation_id: str) -> str:
    return hashlib.sha256(f"{of} {operation_id}".encode()).hexdigest()
