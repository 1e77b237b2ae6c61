"""A history as the API shows it. Source: the extension's DurableClient.cs, GetDurableOrchestrationStatusAsync.

Turns are left out, and so is what was asked for once it has ended: its end says what it was and when it was asked for.
Inputs are the texts that they are in the history; results are JSON. Calls of entities are shown as durabletask has
them; with Azure Storage they are messages of the extension's own, sent and raised as events.
"""

from collections.abc import Sequence
from typing import Any, Final

from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf.json_format import MessageToDict

from local.host.webhooks.durable_task.status import STATUS_NAMES, read_payload

_TURNS: Final = frozenset({"orchestratorStarted", "orchestratorCompleted"})
_ASKED: Final = frozenset({"taskScheduled", "subOrchestrationInstanceCreated"})
_COMPLETED: Final = frozenset({"taskCompleted", "subOrchestrationInstanceCompleted"})
_FAILED: Final = frozenset({"taskFailed", "subOrchestrationInstanceFailed"})
_WITH_RESULT: Final = _COMPLETED | {"executionCompleted", "entityOperationCompleted"}
_NOT_SHOWN: Final = frozenset(
    {
        "OrchestrationInstance",
        "OrchestrationSpanID",
        "ParentInstance",
        "ParentTraceContext",
        "Tags",
        "TaskScheduledId",
        "TimerId",
        "Version",
    }
)


def describe_history(events: Sequence[pb.HistoryEvent], *, show_input: bool, show_output: bool) -> list[dict[str, Any]]:
    """Describe what happened, in its order."""
    views: dict[int, dict[str, Any]] = {}
    asked: dict[int, int] = {}
    for index, event in enumerate(events):
        kind = event.WhichOneof("eventType")
        if kind in _TURNS:
            continue
        view = views[index] = _describe(event, kind, show_output=show_output)
        if kind in _ASKED:
            asked[event.eventId] = index
        elif kind in _COMPLETED | _FAILED and (begin := asked.get(getattr(event, kind).taskScheduledId)) is not None:
            view |= _describe_begin(events[begin])
            views.pop(begin, None)
    if not show_input:
        for view in views.values():
            view.pop("Input", None)
    return list(views.values())


def _describe(event: pb.HistoryEvent, kind: str, *, show_output: bool) -> dict[str, Any]:
    fields = _rename(MessageToDict(getattr(event, kind)))
    view = {"EventType": _pascal(kind), "Timestamp": event.timestamp.ToJsonString()}
    view |= {name: value for name, value in fields.items() if name not in _NOT_SHOWN}
    _SPECIAL.get(kind, _leave)(view)
    if kind in _WITH_RESULT:
        _show_result(view, show_output=show_output)
    return view


def _show_result(view: dict[str, Any], *, show_output: bool) -> None:
    """Have a result shown as JSON, or not at all; that of a failed orchestration is its failure's text."""
    result = view.pop("Result", view.get("FailureDetails", {}).get("ErrorMessage"))
    if show_output:
        view["Result"] = None if result is None else read_payload(result)


def _describe_begin(event: pb.HistoryEvent) -> dict[str, Any]:
    begin = getattr(event, event.WhichOneof("eventType"))
    return {
        "ScheduledTime": event.timestamp.ToJsonString(),
        "FunctionName": begin.name,
        "Input": begin.input.value if begin.HasField("input") else None,
    }


# --- what is named otherwise there


def _leave(view: dict[str, Any]) -> None:
    pass


def _started(view: dict[str, Any]) -> None:
    view["FunctionName"] = view.pop("Name", None)
    if "ScheduledStartTimestamp" in view:
        view["ScheduledStartTime"] = view.pop("ScheduledStartTimestamp")


def _ended(view: dict[str, Any]) -> None:
    view["OrchestrationStatus"] = STATUS_NAMES[pb.OrchestrationStatus.Value(view["OrchestrationStatus"])]


def _failed(view: dict[str, Any]) -> None:
    details = view.get("FailureDetails", {})
    view |= {"Reason": details.get("ErrorMessage"), "Details": details.get("StackTrace")}


def _answered(view: dict[str, Any]) -> None:
    view["Result"] = view.pop("Output", None)


def _with_reason(view: dict[str, Any]) -> None:
    view["Reason"] = view.pop("Input", None)


_SPECIAL: Final = {
    "executionStarted": _started,
    "executionCompleted": _ended,
    "entityOperationCompleted": _answered,
    "executionSuspended": _with_reason,
    "executionResumed": _with_reason,
    **dict.fromkeys(_FAILED, _failed),
}


def _rename(fields: dict[str, Any]) -> dict[str, Any]:
    return {_pascal(name): _rename(value) if isinstance(value, dict) else value for name, value in fields.items()}


def _pascal(name: str) -> str:
    return name[0].upper() + name[1:]
