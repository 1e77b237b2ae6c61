"""Accepting a request for an HSM: one changing operation for each HSM at a time, decided by its claim."""

from datetime import UTC, datetime
from typing import NamedTuple

from clients import archive, resource_manager
from clients.credential import own_identity
from clients.exports import is_stored_as_requested
from clients.handover_record import find_handover
from clients.handovers import wanted_handover_of
from clients.hsm_limit import require_place
from clients.ownership import (
    hsm_exists,
    is_ours,
    require_free_name,
    require_not_stopped,
    require_usable_subscription,
)
from clients.surroundings import find_gone
from domain.changes import find_change
from domain.errors import FieldError, ServiceError, refused_fields
from domain.export_approval import find_differing_parts
from domain.handover.request import gives_up
from domain.hsm import Hsm, find_differences, find_environment_difference
from domain.names import resource_id
from domain.operations import Operation
from domain.records import HsmRecord
from domain.requests import HsmRequest, HsmSpecification, check_request
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
    `provider_not_registered`, `location_unsupported`, and `wrapping_key_expired`, `wrapping_key_not_yet_valid` where
    something is to be encrypted to it; 503 `claim_contested`.
    """
    asked = _Asked(call, name, settle_team(call, name, request.team), request)
    require_permission(call, name, asked.team, request, "provision")
    if not _is_encrypted_to(name, request):
        check_request(request, datetime.now(UTC))
    return try_until_settled(lambda: _try_to_accept(asked))


def _is_encrypted_to(name: str, request: HsmRequest) -> bool:
    """Say whether our record has a security domain for these keys; whether it still counts, the operation looks."""
    record = archive.find_hsm_record(name)
    if record is None or record.security_domain is None or record.decommissioned is not None:
        return False
    return not find_differing_parts(record.request, request)


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
    missing = same and next(find_gone(record), None) is not None
    if missing or is_to_be_handed_over(record, request):
        if not (change.empty and before.differs_in_handover_only(request)):
            raise handover_alone()
        # What is around the HSM a provision makes: it finds all that is there already.
        require_asker(asked.call, request, record)
        return begin(asked.call, asked.name, Wanted("provision", asked.team, request, request.digest()), last)
    if same and change.empty:
        described = DescribedHsm(view_hsm(hsm, record, last.claim, last.operation), last.etag)
        return Accepted(view_operation(last.operation), described)
    require_permission(asked.call, asked.name, asked.team, request, "update", extends=change.extends)
    removes_expiry = before.expires_at is not None and request.expires_at is None
    change = change.model_copy(update={"removes_expiry": removes_expiry})
    return begin(asked.call, asked.name, Wanted("update", asked.team, request, request.digest(), change), last)


def is_to_be_handed_over(record: HsmRecord, request: HsmRequest) -> bool:
    """Say whether a finished HSM is to have something else around it, or the service has a role that it is not to."""
    wanted = wanted_handover_of(request)
    given_up = record.given_up is not None and record.given_up.done_at is not None
    stays = gives_up(wanted) and not given_up and not record.adopted
    differs = wanted != wanted_handover_of(record.request)
    return stays or record.makes_keys or differs or _is_unfinished(record)


def _is_unfinished(record: HsmRecord) -> bool:
    """Say whether the last hand-over did not come to all that it was asked for, whatever was done to the HSM since."""
    sheet = find_handover(record.hsm, record.created_by)
    return sheet is not None and any(part.state in ("Failed", "NotReached") for part in sheet.parts)


def handover_alone() -> ServiceError:
    """Make the error of a request that changes the hand-over and something else of a finished HSM."""
    message = "This is changed by a request that changes nothing else of an HSM: send the other changes by themselves."
    return refused_fields([FieldError(field="handover", message=message, code="handover_alone")])


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
