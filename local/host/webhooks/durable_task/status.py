"""An instance as the API shows it. Source: the extension's HttpApiHandler.cs and DurableClient.cs."""

import json
from typing import Any, Final

from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp

_PREFIX: Final = "ORCHESTRATION_STATUS_"
# "ORCHESTRATION_STATUS_CONTINUED_AS_NEW" is "ContinuedAsNew" here.
STATUS_NAMES: Final[dict[pb.OrchestrationStatus, str]] = {
    number: name.removeprefix(_PREFIX).title().replace("_", "") for name, number in pb.OrchestrationStatus.items()
}


def describe_instance(
    state: pb.OrchestrationState, *, show_input: bool, history: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """Describe an instance, and with `history` what happened in it; an output of a failed one is its failure's text."""
    view = {
        "name": state.name,
        "instanceId": state.instanceId,
        "runtimeStatus": STATUS_NAMES[state.orchestrationStatus],
        "input": read_payload(state.input.value) if show_input and state.HasField("input") else None,
        "customStatus": read_payload(state.customStatus.value) if state.HasField("customStatus") else None,
        "output": read_output(state),
        "createdTime": _to_seconds(state.createdTimestamp),
        "lastUpdatedTime": _to_seconds(state.lastUpdatedTimestamp),
    }
    return view if history is None else view | {"historyEvents": history}


def read_output(state: pb.OrchestrationState) -> Any:
    """Give what an instance came to; None where it came to nothing yet."""
    if state.HasField("output"):
        return read_payload(state.output.value)
    return read_payload(state.failureDetails.errorMessage) if state.HasField("failureDetails") else None


def read_payload(text: str) -> Any:
    """Read a text as JSON; one that is none is a JSON string, as the reason of a termination is.

    A number that JSON does not have is its name, as the extension's serializer writes it.
    """
    text = text.strip()
    try:
        return json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        return text


def _to_seconds(moment: Timestamp) -> str:
    return f"{moment.ToDatetime():%Y-%m-%dT%H:%M:%S}Z"
