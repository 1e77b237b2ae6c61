"""Canceling an operation: written into its claim, at which steps look until one commits to what it does."""

from datetime import UTC, datetime
from typing import Final

from clients import archive
from clients.archive import HeldClaim
from clients.existing import describe_existing
from clients.instances import ensure_started
from clients.interruptions import find_operation_of
from domain.errors import ServiceError, service_error
from domain.fields import OperationKind
from domain.operations import Operation
from domain.records import Cancellation, Claim
from triggers.door.auditing import record_wish
from triggers.door.calls import Answer, Call
from triggers.door.problems import Refusal, show
from triggers.operations.resource import POLL_SECONDS
from triggers.operations.views import find_visible_operation, view_operation
from triggers.operations.waking import wake, wake_for_restore_blob
from triggers.representations import OperationView

ATTEMPTS: Final = 4


def cancel_operation(call: Call) -> Answer:
    """Have an operation end before its next step; what exists stays.

    Raises ServiceError `operation_not_found`, `operation_ended`, `cancel_too_late`, `claim_contested`.
    """
    operation = find_visible_operation(call, call.path["id"])
    claim = _cancel(call, operation)
    # One that never began ends by beginning; one that waits for approval looks at its claim now.
    ensure_started(claim, call.client)
    canceled = find_operation_of(claim, call.client)
    if canceled.has_begun("await_approval"):
        wake(operation.id, call.client)
    wake_for_restore_blob(canceled, call.client)
    headers = {"Operation-Location": call.url(f"operations/{operation.id}"), "Retry-After": POLL_SECONDS}
    return Answer(202, _view(claim, canceled), headers)


def _cancel(call: Call, operation: Operation) -> Claim:
    for _ in range(ATTEMPTS):
        held = _find_running_claim(operation)
        _require_in_time(held.claim, find_operation_of(held.claim, call.client))
        if held.claim.cancel is not None:
            return held.claim
        cancel = Cancellation(by=call.caller.principal, at=datetime.now(UTC).replace(microsecond=0))
        record_wish("cancel", operation, call, "asked")
        canceled = held.claim.model_copy(update={"cancel": cancel})
        if archive.replace_claim(canceled, held.etag):
            return canceled
    raise service_error(
        "claim_contested", "Other requests were faster.", advice="Send the request again.", retryable=True
    )


def _find_running_claim(operation: Operation) -> HeldClaim:
    held = archive.find_claim(operation.hsm)
    if held is None or held.claim.operation_id != operation.id or not held.claim.running:
        raise _ended()
    return held


def _require_in_time(claim: Claim, operation: Operation) -> None:
    if operation.ended:
        raise _ended()
    # Not by the step that is shown as running: what runs is shown later, and the claim decides which came first.
    if claim.committed_at is not None:
        raise Refusal(_too_late(claim.kind).detail, operation=show(_view(claim, operation)))


def _too_late(kind: OperationKind) -> ServiceError:
    if kind in ("provision", "rewrap"):
        return service_error(
            "cancel_too_late",
            "The security domain is being downloaded: from then until it is verified nothing may stop.",
            advice="Wait for the end. The HSM exists and is billed.",
        )
    if kind == "restore":
        return service_error(
            "cancel_too_late",
            "The security domain is being uploaded, or was.",
            advice="Wait for the end. The HSM exists and is billed.",
        )
    if kind == "decommission":
        return service_error(
            "cancel_too_late",
            "Azure was asked to delete the HSM, or to purge it.",
            advice="Wait for the end. Until it is purged it can be recovered.",
        )
    if kind == "recover":
        return service_error(
            "cancel_too_late",
            "Azure was asked to recover the HSM.",
            advice="Wait for the end. It is there then as it was, and can be deleted again.",
        )
    return service_error(
        "cancel_too_late",
        "The change was asked for already." if kind == "update" else "The HSM is being taken over already.",
        advice="Wait for the end, then ask for what it is to be instead." if kind == "update" else "Wait for the end.",
    )


def _view(claim: Claim, operation: Operation) -> OperationView:
    """Show an operation that goes on or is about to end, with what exists by now."""
    return view_operation(operation.model_copy(update={"exists": describe_existing(claim, operation)}))


def _ended() -> ServiceError:
    return service_error("operation_ended", "The operation has ended.", advice="Nothing is left to cancel.")
