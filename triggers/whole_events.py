"""Events as they came: the SDK gives some of their members, and fails where one is not what it expects."""

import json
from typing import Any

import azure.functions as func
from azure.functions.eventgrid import EventGridEventInConverter


class WholeEvent(func.EventGridEvent):
    """An event of Event Grid of any shape, as the JSON that it came as."""

    def __init__(self, content: str) -> None:
        super().__init__(id="", data={}, topic="", subject="", event_type="", event_time=None, data_version="")
        self.content = content

    def read(self) -> object:
        """Give what the JSON says; None where it cannot be read."""
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            return None


def _keep_whole(_converter: type, data: Any, *, trigger_metadata: Any) -> WholeEvent:  # noqa: ARG001
    return WholeEvent(str(data.value))


# azure-functions 2.3.0 (eventgrid.py, decode) raises for a time of which it does not know the format, RFC 3339 with an
# offset among them, and for extensions with some names. The host answers 500 then, and Event Grid sends the event
# again and again, of which nobody would ever have learned.
EventGridEventInConverter.decode = classmethod(_keep_whole)  # type: ignore[method-assign, assignment]
