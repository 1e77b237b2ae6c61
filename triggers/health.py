"""Whether the app lives."""

from triggers.door.calls import Answer, Call
from triggers.representations import Health


def get_health(call: Call) -> Answer:  # noqa: ARG001 - every handler takes a call
    """Say that the app runs."""
    return Answer(200, Health())
