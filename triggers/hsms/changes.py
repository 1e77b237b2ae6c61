"""Accepting a change of an HSM that is there: a PATCH."""

from typing import Final

from clients import archive, resource_manager
from clients.ownership import is_ours, require_creation_allowed
from domain.changes import HsmChange, InPlaceChange, asked_of_azure, find_pending, merge
from domain.records import HsmRecord
from triggers.door.calls import Call
from triggers.hsms.claiming import Accepted, Last, Wanted, begin, find_last, join_running, try_until_settled
from triggers.hsms.permissions import require_permission
from triggers.hsms.views import DescribedHsm, hsm_not_found, view_hsm
from triggers.operations.views import view_operation

_KIND: Final = "update"


def accept_change(call: Call, name: str, change: HsmChange) -> Accepted:
    """Accept a change, or find the operation that makes it, or the HSM that has it already.

    Raises ServiceError: 404 `hsm_not_found`, also where the HSM is not the caller's; 412 `precondition_failed`; 409
    `operation_in_progress`; 403 or 400 by the deployment's policy; 503 `claim_contested`.
    """
    return try_until_settled(lambda: _try_to_accept(call, name, change))


def _try_to_accept(call: Call, name: str, change: HsmChange) -> Accepted | None:
    held = archive.find_claim(name)
    record = archive.find_hsm_record(name)
    if held is None or record is None or not call.sees(record.team) or not call.sees(held.claim.team):
        raise hsm_not_found()
    last = find_last(call, held)
    if last is None:
        return None
    merged = merge(change, record.request)
    asked = asked_of_azure(change, merged)
    wanted = Wanted(_KIND, record.team, merged, merged.digest(), asked)
    require_permission(call, name, record.team, merged, _KIND, extends=asked.extends)
    running = join_running(call, last, same=_is_same(last, wanted))
    if running is not None:
        return running
    return _unchanged(record, last, wanted) or begin(call, name, wanted, last)


def _is_same(last: Last, wanted: Wanted) -> bool:
    claim = last.claim
    return (claim.kind, claim.digest, claim.change) == (wanted.kind, wanted.digest, wanted.change)


def _unchanged(record: HsmRecord, last: Last, wanted: Wanted) -> Accepted | None:
    """Answer with the HSM if it is as it is to be.

    Raises ServiceError `hsm_not_found` where it is not there; `creation_stopped` where it is to come to another region.
    """
    _, _, subscription_id, _, resource_group, *_ = record.resource_id.split("/")
    hsm = resource_manager.find_hsm(subscription_id, resource_group, record.hsm)
    if hsm is None or not is_ours(hsm, record, record.team):
        raise hsm_not_found()
    pending = find_pending(wanted.change or InPlaceChange(), hsm)
    if pending.extends:
        require_creation_allowed()
    if wanted.digest != record.request.digest() or not pending.empty:
        return None
    described = DescribedHsm(view_hsm(hsm, record, last.claim, last.operation), last.etag)
    return Accepted(view_operation(last.operation), described)
