"""Accepting that an HSM is deleted."""

from typing import Final

from pydantic import ConfigDict

from clients import archive, resource_manager
from clients.deletion import purge_protected, require_backed_up, require_can_back_up, require_unlocked
from clients.ownership import hsm_exists, is_ours, require_destruction_and_export_allowed
from clients.surroundings import is_anything_left
from domain.asking import require_person
from domain.backups import ContainerUrl
from domain.decommissioning import PURGES_USED
from domain.fields import Guid
from domain.hsm import Hsm
from domain.model import Model
from domain.policy_rules import require_backup_place, require_purge_allowed
from domain.records import HsmRecord
from domain.settings import deployment_policy
from triggers.door.calls import Answer, Call
from triggers.hsms.claiming import Accepted, Last, Wanted, begin, find_last, join_running, try_until_settled
from triggers.hsms.permissions import require_permission
from triggers.hsms.resource import answer_accepted, hsm_name
from triggers.hsms.views import describe_kept, hsm_not_found
from triggers.lists.queries import Truth
from triggers.operations.views import view_operation

_KIND: Final = "decommission"


class DecommissionQuery(Model):
    """How an HSM is deleted."""

    model_config = ConfigDict(validate_by_name=False)

    purge: Truth = False
    """`true`: it is purged as well, and what it holds is gone for good. `false`: it is kept, and billed, until then."""
    backup_to: ContainerUrl | None = None
    """The address of a container of full backups: the HSM is backed up into it before it is deleted. Absent: it is not.

    The policy's `backupContainers` are the ones that may be named.
    """
    requested_by: Guid | None = None
    """The Entra object id of the person for whom an application asks."""


def delete_hsm(call: Call) -> Answer:
    """Accept that an HSM is deleted, or find the operation that does it, or the HSM that is deleted as asked.

    Of an HSM that is deleted already an operation deletes what an earlier one left around it.
    """
    name = hsm_name(call)
    return answer_accepted(call, name, try_until_settled(lambda: _try_to_accept(call, name, call.query)))


def _try_to_accept(call: Call, name: str, query: DecommissionQuery) -> Accepted | None:
    """Accept a deletion by what is true now.

    Raises ServiceError: 404 `hsm_not_found`, also where the HSM is another team's; 409 `operation_in_progress`,
    `hsm_held`, `hsm_locked`, `purge_protected`, `hsm_not_deleted`, `backup_not_possible`; 412 `precondition_failed`;
    403 or 400 by the policy; 503 `destruction_and_export_stopped`.
    """
    held = archive.find_claim(name)
    record = archive.find_hsm_record(name)
    if held is None or record is None or not call.sees(record.team) or not call.sees(held.claim.team):
        raise hsm_not_found()
    last = find_last(call, held)
    if last is None:
        return None
    request = record.request.model_copy(update={"requested_by": query.requested_by})
    wanted = Wanted(_KIND, record.team, request, request.digest(), purges=query.purge, backup_to=query.backup_to)
    require_permission(call, name, record.team, request, _KIND)
    policy = deployment_policy()
    if query.purge:
        require_purge_allowed(policy, request.environment)
    if query.backup_to is not None:
        require_backup_place(policy, query.backup_to, "backupTo")
    running = join_running(call, last, same=_is_same(last, wanted))
    if running is not None:
        return running
    hsm = _find(record)
    _require_backup_possible(record, hsm, query)
    if hsm is None and _is_ended(record, query) and not is_anything_left(record):
        return Accepted(view_operation(last.operation), describe_kept(record, last.claim, last.operation, last.etag))
    require_destruction_and_export_allowed()
    archive.require_not_held(name)
    used = record.may_hold_keys or (hsm is not None and hsm.activation != "NotActivated")
    reason = PURGES_USED if query.purge and used and not record.purged else None
    require_person(policy, call.caller.principal, request, _KIND, reason=reason)
    if hsm is not None:
        require_unlocked(hsm.resource_id, record.lock)
    if hsm is not None and query.purge and hsm.purge_protection:
        raise purge_protected(None)
    return begin(call, name, wanted, last)


def _is_same(last: Last, wanted: Wanted) -> bool:
    claim = last.claim
    mine = (claim.kind, claim.digest, claim.purges, claim.backup_to)
    return mine == (wanted.kind, wanted.digest, wanted.purges, wanted.backup_to)


def _require_backup_possible(record: HsmRecord, hsm: Hsm | None, query: DecommissionQuery) -> None:
    """Raise ServiceError `backup_not_possible` where a backup is asked for that the HSM cannot make any more."""
    if query.backup_to is None:
        return
    if record.decommissioned is not None and (hsm is None or hsm.provisioning_state == "Deleting"):
        require_backed_up(record.decommissioned, query.backup_to)
    elif hsm is not None:
        require_can_back_up(hsm)


def _is_ended(record: HsmRecord, query: DecommissionQuery) -> bool:
    """Say whether an HSM that is not there any more was deleted by us, and where that is asked purged."""
    ended = record.decommissioned
    return ended is not None and ended.deleted_at is not None and not (query.purge and ended.purged_at is None)


def _find(record: HsmRecord) -> Hsm | None:
    """Find the HSM; raises ServiceError `hsm_not_found` where it is not there, and not because of us.

    Raises `hsm_exists` for another one at its place.
    """
    hsm = resource_manager.find_hsm(record.subscription_id, record.resource_group, record.hsm)
    ours = hsm is not None and is_ours(hsm, record, record.team)
    if hsm is not None and not ours and record.decommissioned is not None:
        # It lives again, and Azure says that others made it: whoever owns it can have it taken over.
        raise hsm_exists()
    if not ours and record.decommissioned is None:
        raise hsm_not_found()
    return hsm if ours else None
