"""Accepting that a deleted HSM is brought back."""

from typing import Final

from clients import archive, resource_manager
from clients.ownership import hsm_exists, is_ours
from clients.recovery import require_recoverable
from domain.recovering import RecoverRequest, parse_recovery
from triggers.door.calls import Answer, Call
from triggers.hsms.claiming import Accepted, Wanted, begin, find_last, join_running, try_until_settled
from triggers.hsms.permissions import require_permission
from triggers.hsms.resource import answer_accepted, hsm_name
from triggers.hsms.views import DescribedHsm, hsm_not_found, view_hsm
from triggers.operations.views import view_operation

_KIND: Final = "recover"


def recover_hsm(call: Call) -> Answer:
    """Accept that an HSM is recovered, or find the operation that does it, or the HSM that is there."""
    name, asked = hsm_name(call), parse_recovery(call.body)
    return answer_accepted(call, name, try_until_settled(lambda: _try_to_accept(call, name, asked)))


def _try_to_accept(call: Call, name: str, asked: RecoverRequest) -> Accepted | None:
    """Accept a recovery by what is true now.

    It is no creation that could be stopped: what is deleted costs as much as what is not.

    Raises ServiceError: 404 `hsm_not_found`, also where the HSM is another team's; 409 `operation_in_progress`,
    `hsm_exists`, `hsm_not_deleted`, `hsm_being_purged`, `hsm_purged`; 412 `precondition_failed`; 403 or 400 by the
    policy.
    """
    held = archive.find_claim(name)
    record = archive.find_hsm_record(name)
    if held is None or record is None or not call.sees(record.team) or not call.sees(held.claim.team):
        raise hsm_not_found()
    last = find_last(call, held)
    if last is None:
        return None
    request = record.request.model_copy(update={"requested_by": asked.requested_by})
    require_permission(call, name, record.team, request, _KIND)
    running = join_running(call, last, same=(last.claim.kind, last.claim.digest) == (_KIND, request.digest()))
    if running is not None:
        return running
    hsm = resource_manager.find_hsm(record.subscription_id, record.resource_group, name)
    if hsm is not None and is_ours(hsm, record, record.team) and hsm.provisioning_state != "Deleting":
        described = DescribedHsm(view_hsm(hsm, record, last.claim, last.operation), last.etag)
        return Accepted(view_operation(last.operation), described)
    if hsm is not None and not is_ours(hsm, record, record.team):
        raise hsm_exists()
    require_recoverable(record)
    return begin(call, name, Wanted(_KIND, record.team, request, request.digest()), last)
