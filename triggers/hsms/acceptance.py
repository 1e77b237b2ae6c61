"""Accepting a request for an HSM: one changing operation for each HSM at a time, decided by its claim."""

from typing import NamedTuple

from clients import archive, resource_manager
from clients.credential import own_identity
from clients.exports import is_stored_as_requested
from clients.hsm_limit import require_place
from clients.ownership import (
    hsm_exists,
    is_ours,
    require_free_name,
    require_not_stopped,
    require_usable_subscription,
)
from domain.changes import find_change
from domain.errors import FieldError, refused_fields
from domain.export_approval import find_differing_parts
from domain.hsm import Hsm, find_differences, find_environment_difference
from domain.names import resource_id
from domain.operations import Operation
from domain.records import HsmRecord
from domain.requests import HsmRequest, HsmSpecification
from triggers.door.calls import Call
from triggers.hsms.claiming import Accepted, Last, Wanted, begin, find_last, join_running, try_until_settled
from triggers.hsms.permissions import require_asker, require_permission, settle_team
from triggers.hsms.views import DescribedHsm, view_hsm
from triggers.operations.views import view_operation


class _Asked(NamedTuple):
    """What is asked for, by whom and for which team."""

    call: Call
    name: str
    team: str
    request: HsmRequest


def accept(call: Call, name: str, request: HsmRequest) -> Accepted:
    """Accept a request, or find the operation or the HSM that already answers it.

    Raises ServiceError: 403 or 400 by the deployment's policy; 409 `operation_in_progress`, `hsm_exists`,
    `hsm_differs`, `hsm_soft_deleted`; 412 `precondition_failed`; 400 `subscription_not_ours`,
    `provider_not_registered`, `location_unsupported`; 503 `claim_contested`.
    """
    asked = _Asked(call, name, settle_team(call, name, request.team), request)
    require_permission(call, name, asked.team, request, "provision")
    return try_until_settled(lambda: _try_to_accept(asked))


def _try_to_accept(asked: _Asked) -> Accepted | None:
    """Accept a request by what is true now; None where the claim changed meanwhile, so that it is not true any more."""
    last = _find_last(asked)
    running = join_running(asked.call, last, same=last is not None and last.claim.digest == asked.request.digest())
    if running is not None:
        return running
    record = archive.find_hsm_record(asked.name)
    require_usable_subscription(asked.request.subscription_id, asked.request.location)
    hsm = find_team_hsm(asked.name, asked.team, asked.request, record)
    # What was asked for last may have been rejected: an HSM is compared with its record.
    if last is not None and hsm is not None and record is not None:
        confirmed = hsm.active and is_stored_as_requested(record)
        if confirmed and _is_settled(last.operation):
            return _compare(asked, last, hsm, record)
        _check_changes(hsm, asked.request, record, confirmed=confirmed)
    require_not_stopped(hsm)
    if hsm is None:
        require_place(asked.name)
    request = asked.request
    require_asker(asked.call, request, record if hsm is not None else None)
    return begin(asked.call, asked.name, Wanted("provision", asked.team, request, request.digest()), last)


def _find_last(asked: _Asked) -> Last | None:
    """Find the last claim on the name; raises ServiceError `hsm_exists` for another team's, `precondition_failed`."""
    held = archive.find_claim(asked.name)
    if held is not None and held.claim.running and held.claim.team != asked.team:
        raise hsm_exists()
    return find_last(asked.call, held)


def find_team_hsm(name: str, team: str, request: HsmSpecification, record: HsmRecord | None) -> Hsm | None:
    """Find the HSM of this name if it is the team's; 409 `hsm_exists` where the name is anybody else's."""
    if record is None:
        require_free_name(request.subscription_id, name)
        return None
    if record.team != team:
        raise hsm_exists()
    _, _, subscription_id, _, resource_group, *_ = record.resource_id.split("/")
    hsm = resource_manager.find_hsm(subscription_id, resource_group, name)
    if hsm is not None and not is_ours(hsm, record, team):
        raise hsm_exists()
    wanted = resource_id(request.subscription_id, request.resource_group, name)
    if hsm is not None and wanted.lower() != record.resource_id.lower():
        message = "The HSM is in another subscription or resource group, and cannot be moved here."
        field = "resourceGroup" if subscription_id == request.subscription_id else "subscriptionId"
        raise refused_fields([FieldError(field=field, message=message, code="hsm_differs")])
    if hsm is None:
        require_free_name(request.subscription_id, name, record)
    return hsm


def _compare(asked: _Asked, last: Last, hsm: Hsm, record: HsmRecord) -> Accepted | None:
    """Answer for an HSM that is finished: it is as asked, or it is changed, or what cannot be changed is named."""
    before, request = record.request, asked.request
    same = before.digest() == request.digest()
    if not same:
        _require_changeable(before, hsm, request)
    change = find_change(hsm, before, request)
    if same and change.empty:
        described = DescribedHsm(view_hsm(hsm, record, last.claim, last.operation), last.etag)
        return Accepted(view_operation(last.operation), described)
    require_permission(asked.call, asked.name, asked.team, request, "update")
    removes_expiry = before.expires_at is not None and request.expires_at is None
    change = change.model_copy(update={"removes_expiry": removes_expiry})
    return begin(asked.call, asked.name, Wanted("update", asked.team, request, request.digest(), change), last)


def _require_changeable(before: HsmSpecification, hsm: Hsm, request: HsmRequest) -> None:
    errors = find_lasting_differences(hsm, before, request) + _find_domain_differences(before, request)
    if errors:
        raise refused_fields(errors)


def find_lasting_differences(hsm: Hsm, before: HsmSpecification, request: HsmSpecification) -> list[FieldError]:
    """Name what differs and never changes, from the moment that the HSM exists."""
    errors = find_differences(hsm, request, own_identity().object_id)
    return errors + find_environment_difference(before, request)


def _is_settled(operation: Operation) -> bool:
    """Say whether the last operation left nothing of a provision to be done."""
    return operation.status == "Succeeded" or operation.withdrawn or operation.kind != "provision"


def _check_changes(hsm: Hsm, request: HsmRequest, record: HsmRecord, *, confirmed: bool) -> None:
    """Take what can still change: wrapping keys and quorum, until the HSM is active with a confirmed domain of ours.

    See docs/decisions/0001-keys-may-change-until-confirmed.md.
    """
    errors = find_lasting_differences(hsm, record.request, request)
    if confirmed:
        errors += _find_domain_differences(record.request, request)
    if errors:
        raise refused_fields(errors)


def _find_domain_differences(before: HsmSpecification, request: HsmRequest) -> list[FieldError]:
    message = "The HSM is active: its security domain has been encrypted already. A re-wrap encrypts it to other keys."
    return [
        FieldError(field=f"securityDomain.{part}", message=message, code="hsm_differs")
        for part in find_differing_parts(before, request)
    ]
