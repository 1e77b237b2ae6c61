"""Operations, as the API has them."""

from typing import Final

from triggers.door.calls import Answer, Call
from triggers.operations.views import describe_operation

POLL_SECONDS: Final = "5"


def get_operation(call: Call) -> Answer:
    """Describe an operation; while it runs the answer says when to ask again."""
    operation = describe_operation(call, call.path["id"])
    running = operation.status in ("NotStarted", "Running")
    return Answer(200, operation, {"Retry-After": POLL_SECONDS} if running else {})
