"""Accepting a request for an HSM: one changing operation for each HSM at a time, decided by its claim."""

from datetime import UTC, datetime
from typing import Final, NamedTuple

from clients import archive, resource_manager
from clients.credential import own_identity
from clients.fleet import require_place
from clients.ownership import (
    hsm_exists,
    is_ours,
    require_free_name,
    require_not_stopped,
    require_usable_subscription,
)
from domain.errors import FieldError, refused_fields, service_error
from domain.hsm import Hsm, find_differences
from domain.names import resource_id
from domain.operations import Operation, accepted_operation
from domain.records import Claim, HsmRecord
from domain.requests import HsmRequest
from triggers.calls import Call
from triggers.instances import ensure_started, find_operation_of, interrupted_operation, is_abandoned
from triggers.permissions import require_permission, settle_team
from triggers.problems import Refusal, show
from triggers.representations import OperationView
from triggers.views import DescribedHsm, describe_claimed_operation, view_hsm, view_operation

ATTEMPTS: Final = 4


class Accepted(NamedTuple):
    """The operation that makes the HSM, and the HSM if it is as asked already."""

    operation: OperationView
    hsm: DescribedHsm | None = None


class _Asked(NamedTuple):
    """What is asked for, by whom and for which team."""

    call: Call
    name: str
    team: str
    request: HsmRequest


class _Last(NamedTuple):
    """The last claim on a name, and how its operation stands."""

    claim: Claim
    etag: str
    operation: Operation


def accept(call: Call, name: str, request: HsmRequest) -> Accepted:
    """Accept a request, or find the operation or the HSM that already answers it.

    Raises ServiceError: 403 or 400 by the deployment's policy; 409 `operation_in_progress`, `hsm_exists`,
    `hsm_differs`, `hsm_soft_deleted`; 412 `precondition_failed`; 400 `subscription_not_ours`,
    `provider_not_registered`, `location_unsupported`; 503 `claim_contested`.
    """
    asked = _Asked(call, name, settle_team(call, name, request.team), request)
    require_permission(call, name, asked.team, request, "provision")
    for _ in range(ATTEMPTS):
        accepted = _try_to_accept(asked)
        if accepted is not None:
            return accepted
    raise service_error(
        "claim_contested", "Other requests were faster.", advice="Send the request again.", retryable=True
    )


def _try_to_accept(asked: _Asked) -> Accepted | None:
    """Accept a request by what is true now; None where the claim changed meanwhile, so that it is not true any more."""
    last = _find_last(asked)
    if last is not None and not last.operation.ended and not _gives_way(asked, last.claim):
        return _join(asked, last)
    record = archive.find_hsm_record(asked.name)
    require_usable_subscription(asked.request.subscription_id, asked.request.location)
    hsm = _find_own_hsm(asked, record)
    if last is not None and hsm is not None:
        if _is_finished(hsm, record, last.operation):
            return _compare(asked, last, hsm, record)
        _check_changes(hsm, asked.request, record, last.claim)
    require_not_stopped(hsm)
    if hsm is None:
        require_place(asked.name)
    return _claim(asked, last)


def _find_last(asked: _Asked) -> _Last | None:
    """Find the last claim on the name; raises ServiceError `hsm_exists` for another team's, `precondition_failed`."""
    held = archive.find_claim(asked.name)
    if held is not None and held.claim.running and held.claim.team != asked.team:
        raise hsm_exists()
    asked.call.conditions.require(held.etag if held else None)
    return _Last(held.claim, held.etag, find_operation_of(held.claim, asked.call.client)) if held else None


def _gives_way(asked: _Asked, claim: Claim) -> bool:
    """Say whether an accepted operation gives way to another request of its team's: it never began."""
    return claim.digest != asked.request.digest() and is_abandoned(claim, asked.call.client)


def _join(asked: _Asked, last: _Last) -> Accepted:
    """Answer with the operation that runs; one that was accepted and never began is begun."""
    claim, client = last.claim, asked.call.client
    if claim.digest != asked.request.digest():
        error = service_error(
            "operation_in_progress",
            "Another request for this HSM is being carried out.",
            advice="Wait until that operation has ended, then send the request again.",
            retryable=True,
            retry_after=30,
        )
        raise Refusal(error.detail, operation=show(describe_claimed_operation(claim, client)))
    ensure_started(claim, client)
    return Accepted(describe_claimed_operation(claim, client))


def _find_own_hsm(asked: _Asked, record: HsmRecord | None) -> Hsm | None:
    """Find the HSM of this name if it is the team's; 409 `hsm_exists` where the name is anybody else's."""
    request = asked.request
    if record is None:
        require_free_name(request.subscription_id, asked.name)
        return None
    if record.team != asked.team:
        raise hsm_exists()
    _, _, subscription_id, _, resource_group, *_ = record.resource_id.split("/")
    hsm = resource_manager.find_hsm(subscription_id, resource_group, asked.name)
    if hsm is not None and not is_ours(hsm, record, asked.team):
        raise hsm_exists()
    wanted = resource_id(request.subscription_id, request.resource_group, asked.name)
    if hsm is not None and wanted.lower() != record.resource_id.lower():
        message = "The HSM is in another subscription or resource group, and cannot be moved here."
        field = "resourceGroup" if subscription_id == request.subscription_id else "subscriptionId"
        raise refused_fields([FieldError(field=field, message=message, code="hsm_differs")])
    if hsm is None:
        require_free_name(request.subscription_id, asked.name)
    return hsm


def _compare(asked: _Asked, last: _Last, hsm: Hsm, record: HsmRecord | None) -> Accepted:
    """Answer for an HSM that is finished: it is as asked, or what differs is named."""
    claim, request = last.claim, asked.request
    if claim.digest != request.digest():
        errors = _find_differences(claim.request, hsm, request) + _find_domain_differences(claim.request, request)
        raise refused_fields(errors or [_something_differs()])
    described = DescribedHsm(view_hsm(hsm, record, claim, last.operation), last.etag)
    return Accepted(view_operation(last.operation), described)


def _is_finished(hsm: Hsm, record: HsmRecord | None, operation: Operation | None) -> bool:
    """Say whether nothing is left to do: made, active, and its security domain where the record says."""
    succeeded = operation is not None and operation.status == "Succeeded"
    receipt = record.security_domain if record else None
    return succeeded and hsm.active and receipt is not None and archive.is_kept(receipt, hsm.name)


def _check_changes(hsm: Hsm, request: HsmRequest, record: HsmRecord | None, before: Claim) -> None:
    """Take what can still change: wrapping keys and quorum, until the HSM is active with a confirmed domain of ours.

    See docs/decisions/0001-keys-may-change-until-confirmed.md.
    """
    errors = _find_differences(before.request, hsm, request)
    if hsm.active and record is not None and record.security_domain is not None:
        errors += _find_domain_differences(before.request, request)
    if errors:
        raise refused_fields(errors)


def _find_differences(before: HsmRequest, hsm: Hsm, request: HsmRequest) -> list[FieldError]:
    errors = find_differences(hsm, request, own_identity().object_id)
    # Tags are held against what was asked for, not against what they have become.
    if before.tags != request.tags:
        message = "This version does not change the tags of an HSM that exists."
        errors.append(FieldError(field="tags", message=message, code="hsm_differs"))
    return errors


def _find_domain_differences(before: HsmRequest, request: HsmRequest) -> list[FieldError]:
    had, wanted = before.canonical()["securityDomain"], request.canonical()["securityDomain"]
    message = "The HSM is active: its security domain has been encrypted already."
    return [
        FieldError(field=f"securityDomain.{part}", message=message, code="hsm_differs")
        for part in ("quorum", "wrappingKeys")
        if had[part] != wanted[part]
    ]


def _something_differs() -> FieldError:
    message = "The request differs from the one that this HSM was made for."
    return FieldError(field="body", message=message, code="hsm_differs")


def _claim(asked: _Asked, last: _Last | None) -> Accepted | None:
    """Claim the name for a new operation and start it; None where somebody else changed the claim."""
    from ulid import ULID

    call, request = asked.call, asked.request
    claim = Claim(
        hsm=asked.name,
        operation_id=f"{asked.name}-{ULID()}",
        team=asked.team,
        requester=call.caller.principal,
        requested_by=request.requested_by,
        grant_ids=sorted(call.grant.caller_ids),
        by_operator=call.caller.operates,
        request=request,
        digest=request.digest(),
        claimed_at=datetime.now(UTC).replace(microsecond=0),
        trace=call.trace,
    )
    if last is not None and last.claim.running:
        # It may not have been recorded: what is known of it must outlive its claim and its instance.
        archive.write_operation(interrupted_operation(last.claim, call.client))
    # The claim, not the engine, decides: of two requests at the same instant one writes it, the other reads it.
    won = archive.create_claim(claim) if last is None else archive.replace_claim(claim, last.etag)
    if not won:
        return None
    ensure_started(claim, call.client)
    return Accepted(view_operation(accepted_operation(claim)))
