"""Spans of requests and activities, made of what was recorded; the calls to Azure within are their children.

An operation's span id follows from the operation's id, and its trace from its claim: whichever worker does a part of it
names the same parent, and an orchestrator has nothing to remember.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from clients.telemetry import is_on, tell
from domain.names import hsm_of_operation
from domain.spans import (
    OPERATION_ID,
    Attributes,
    Span,
    SpanKind,
    collecting_calls,
    new_span_id,
    new_trace_id,
    span_of_operation,
    trace_of_operation,
)
from domain.trace import Trace, carrying, current_trace

if TYPE_CHECKING:
    from domain.outcomes import Outcome

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_FAILED_ANSWER: Final = 500


class Recorded:
    """What is known of a request or an activity once it is over."""

    def __init__(self, trace: Trace, operation_id: str | None = None) -> None:
        self.trace = trace
        self.operation_id = operation_id
        self.attributes: Attributes = {}
        self.error: str | None = None

    def answer(self, status: int) -> None:
        """Note the status that a request was answered with."""
        self.attributes["http.response.status_code"] = status
        if status >= _FAILED_ANSWER:
            self.error = str(status)

    def come_to(self, outcome: "Outcome") -> None:
        """Note the outcome of an activity, and an error by its code."""
        self.attributes["hsm_provisioner.outcome"] = outcome.status
        self.error = outcome.error.code if outcome.error is not None else None


@contextmanager
def recording_request(called: str, trace: Trace) -> Iterator[Recorded]:
    """Do what is within as part of a caller's trace, or of one that begins here; what it leads to is this span's child.

    `called` is a method and a path as the table of routes has them, or another name: nothing that the caller wrote.
    """
    if not is_on():
        with carrying(trace):
            yield Recorded(trace)
        return
    trace_id, span_id = trace.trace_id or new_trace_id(), new_span_id()
    recorded = Recorded(trace.model_copy(update={"traceparent": f"00-{trace_id}-{span_id}-01"}))
    recorded.attributes |= _describe(called)
    with carrying(recorded.trace), _recording(called, "server", recorded, span_id) as place:
        place.trace_id, place.parent_id = trace_id, trace.span_id or None
        yield recorded


def _describe(called: str) -> Attributes:
    method, _, path = called.partition(" ")
    if method not in _METHODS:
        return {"http.request.method": "_OTHER", "url.scheme": "https"}
    return {"http.request.method": method, "http.route": f"/api/{path}", "url.scheme": "https"}


@contextmanager
def recording_activity(name: str, operation_id: object) -> Iterator[Recorded]:
    """Do what is within as the activity of a name; the trace is told by the claim that it reads."""
    with carrying(None):
        operation = operation_id if isinstance(operation_id, str) and hsm_of_operation(operation_id) else None
        recorded = Recorded(Trace(), operation)
        if not is_on():
            yield recorded
            return
        with _recording(name, "internal", recorded, new_span_id()) as place:
            if operation is not None:
                recorded.attributes[OPERATION_ID] = operation
            try:
                yield recorded
            finally:
                place.trace_id = trace_of_operation(operation, current_trace()) if operation else new_trace_id()
                place.parent_id = span_of_operation(operation) if operation else None


class _Place:
    """Where a span belongs, known at the latest when it ends."""

    trace_id = ""
    parent_id: str | None = None


@contextmanager
def _recording(name: str, kind: SpanKind, recorded: Recorded, span_id: str) -> Iterator[_Place]:
    place, began = _Place(), time.time_ns()
    with collecting_calls() as calls:
        try:
            yield place
        except BaseException as error:
            recorded.error = type(error).__name__
            raise
        finally:
            ended, trace_id = time.time_ns(), place.trace_id
            span = Span(
                name, kind, trace_id, span_id, place.parent_id, began, ended, recorded.attributes, recorded.error
            )
            tell(span, *(call.span(trace_id, span_id) for call in calls))
