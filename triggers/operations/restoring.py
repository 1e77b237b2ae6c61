"""Saying that a restore blob is stored."""

from domain.errors import service_error
from triggers.door.calls import Answer, Call
from triggers.operations.resource import POLL_SECONDS
from triggers.operations.views import find_visible_operation, view_operation
from triggers.operations.waking import wake_for_restore_blob


def announce_restore_blob(call: Call) -> Answer:
    """Have the operation look for its restore blob now; what counts is the blob, which it would find by itself later.

    Raises ServiceError `operation_not_found`, `operation_ended`, `restore_blob_not_awaited`.
    """
    operation = find_visible_operation(call, call.path["id"])
    if operation.ended:
        raise service_error("operation_ended", "The operation has ended.", advice="Nothing is waited for any more.")
    if not wake_for_restore_blob(operation, call.client):
        raise service_error(
            "restore_blob_not_awaited",
            "The operation does not wait for a restore blob now.",
            advice="Read the operation: its step await_restore_blob runs while it does.",
            retryable=True,
        )
    headers = {"Operation-Location": call.url(f"operations/{operation.id}"), "Retry-After": POLL_SECONDS}
    return Answer(202, view_operation(operation), headers)
