"""Claiming an HSM for an operation: one changing operation at a time, decided by the claim on its name."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple

from clients import archive, outbox
from clients.announcements import keep_interruption
from clients.handover_record import keep_handover
from clients.instances import ensure_started, is_abandoned
from clients.interruptions import find_operation_of, interrupted_operation
from domain.backups import FullBackup
from domain.changes import InPlaceChange
from domain.errors import service_error
from domain.fields import OperationKind
from domain.operations import Operation, accepted_operation, replaced_operation
from domain.records import Claim
from domain.requests import HsmRequest, HsmSpecification
from triggers.door.calls import Call
from triggers.door.problems import Refusal, show
from triggers.hsms.views import DescribedHsm
from triggers.operations.views import describe_claimed_operation, view_operation
from triggers.representations import OperationView

ATTEMPTS: Final = 4


class Accepted(NamedTuple):
    """The operation that answers a request, and the HSM if it is as asked already."""

    operation: OperationView
    hsm: DescribedHsm | None = None


class Last(NamedTuple):
    """The last claim on a name, and how its operation stands."""

    claim: Claim
    etag: str
    operation: Operation


class Wanted(NamedTuple):
    """What an operation is to be claimed for; `digest` is that of what was asked."""

    kind: OperationKind
    team: str
    request: HsmRequest | HsmSpecification
    digest: str
    change: InPlaceChange | None = None
    source: str | None = None
    backup: FullBackup | None = None
    source_operation_id: str | None = None
    purges: bool = False
    backup_to: str | None = None


def try_until_settled(attempt: Callable[[], Accepted | None]) -> Accepted:
    """Try to accept a request by what is true now, again where that changed meanwhile.

    Raises ServiceError `claim_contested`, and as the attempt does.
    """
    for _ in range(ATTEMPTS):
        accepted = attempt()
        if accepted is not None:
            return accepted
    raise service_error(
        "claim_contested", "Other requests were faster.", advice="Send the request again.", retryable=True
    )


def find_last(call: Call, held: archive.HeldClaim | None) -> Last | None:
    """Find how the operation of the last claim stands; raises ServiceError `precondition_failed`."""
    call.conditions.require(held.etag if held else None)
    return Last(held.claim, held.etag, find_operation_of(held.claim, call.client)) if held else None


def join_running(call: Call, last: Last | None, *, same: bool) -> Accepted | None:
    """Answer with the operation that runs, if it is for the same request; None where none runs.

    One that was accepted and never began is begun, or gives way to another request.

    Raises ServiceError `operation_in_progress`, which shows the operation, for another request than its own.
    """
    if last is None or last.operation.ended:
        return None
    if same:
        _record_replaced(last.claim)
        ensure_started(last.claim, call.client)
        return Accepted(describe_claimed_operation(last.claim, call.client))
    if is_abandoned(last.claim, call.client):
        return None
    error = service_error(
        "operation_in_progress",
        "Another request for this HSM is being carried out.",
        advice="Wait until that operation has ended, then send the request again.",
        retryable=True,
        retry_after=30,
    )
    raise Refusal(error.detail, operation=show(describe_claimed_operation(last.claim, call.client)))


def begin(call: Call, name: str, wanted: Wanted, last: Last | None) -> Accepted | None:
    """Claim the name for a new operation and start it; None where somebody else changed the claim."""
    from ulid import ULID

    replaced, replaced_resource_id = None, None
    if last is not None:
        _record_replaced(last.claim)
        if last.claim.running:
            if not last.operation.ended and not is_abandoned(last.claim, call.client):
                # The same request began it after all, since it was looked at.
                return None
            # It may not have been recorded: what is known of it must outlive its claim and its instance.
            replaced, replaced_resource_id = interrupted_operation(last.claim, call.client), last.claim.resource_id
    claim = Claim(
        hsm=name,
        operation_id=f"{name}-{ULID()}",
        kind=wanted.kind,
        team=wanted.team,
        requester=call.caller.principal,
        requested_by=wanted.request.requested_by,
        grant_ids=sorted(call.grant.caller_ids),
        by_operator=call.caller.operates,
        request=wanted.request,
        change=wanted.change,
        source=wanted.source,
        backup=wanted.backup,
        source_operation_id=wanted.source_operation_id,
        purges=wanted.purges,
        backup_to=wanted.backup_to,
        digest=wanted.digest,
        claimed_at=datetime.now(UTC).replace(microsecond=0),
        replaced=replaced.model_dump(mode="json", by_alias=True, exclude_none=True) if replaced else None,
        replaced_resource_id=replaced_resource_id,
        trace=call.trace,
    )
    # The claim, not the engine, decides: of two requests at the same instant one writes it, the other reads it.
    won = archive.create_claim(claim) if last is None else archive.replace_claim(claim, last.etag)
    if not won and not _is_held(claim):
        return None
    _record_replaced(claim)
    ensure_started(claim, call.client)
    return Accepted(view_operation(accepted_operation(claim)))


def _is_held(claim: Claim) -> bool:
    """Say whether a claim is there all the same: the SDK sends a write again whose answer was lost."""
    held = archive.find_claim(claim.hsm)
    return held is not None and held.claim.operation_id == claim.operation_id


def _record_replaced(claim: Claim) -> None:
    """Record, and tell of, the operation that gave way to that of a claim which was won; whoever joins that does, too.

    Before the claim was won it might still have begun, and must not be said to have failed.
    """
    replaced = replaced_operation(claim)
    # A record that is there is how it ended itself, in an activity that outlived its instance.
    if replaced is None or archive.find_operation(replaced.id) is not None:
        return
    keep_handover(replaced)
    event_id = keep_interruption(replaced, claim.replaced_resource_id or claim.resource_id)
    archive.write_operation(replaced)
    if event_id is not None:
        outbox.publish_soon(event_id)
