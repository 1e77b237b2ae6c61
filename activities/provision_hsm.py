"""Ask ARM for the HSM: from here on it costs money."""

from activities.context import MAKING, approved_plan_of, now
from activities.pinning import check_again, check_approval, check_pinned_handover
from clients import archive, resource_manager
from clients.exports import find_export_reason
from clients.hsm_limit import require_place
from clients.openings import close_to
from clients.ownership import hsm_exists, is_ours, require_free_name, require_not_stopped
from domain.changes import InPlaceChange, find_change, keep_identities
from domain.hsm import Hsm
from domain.outcomes import Outcome, Work, done
from domain.records import HsmRecord, Plan


def provision_hsm(work: Work) -> Outcome:
    """Record that the HSM is ours, then ask for it; one that exists is asked for again only if it failed.

    One that does not exist is held against the policy once more, for the approval may have taken weeks; of one that
    does what is still to come: what it is handed over with, and whether it needs approval by now, for its security
    domain is exported next. What Azure changes in place is changed where the request wants it otherwise. The identities
    are attached here, with the one that full backups need: where there is none, or it is not ours to attach, ARM says
    so before the HSM costs money. What an earlier operation opened for a while is closed to what this one wants.
    """
    plan = approved_plan_of(work, MAKING, cancelable=True)
    hsm = resource_manager.find_hsm(plan.request.subscription_id, plan.request.resource_group, plan.hsm)
    record = archive.find_hsm_record(plan.hsm)
    if hsm is not None and not is_ours(hsm, record, plan.team):
        raise hsm_exists()
    require_not_stopped(hsm, plan.kind)
    if hsm is None:
        check_again(work, plan)
        require_place(plan.hsm)
        _require_replaceable(record, plan)
    else:
        check_pinned_handover(plan)
        check_approval(plan, reason=find_export_reason(record, plan.request))
    close_to(plan.hsm, plan.request)
    # Idempotent: what was asked for is not asked for again. Killed between record and PUT, both are done again.
    if hsm is None:
        # A record of an HSM that is gone must not vouch for the new one: it names the old one's security domain.
        archive.begin_hsm_record(_new_record(plan))
        resource_manager.put_hsm(plan.hsm, plan.request, plan.identities)
    elif hsm.provisioning_state == "Failed":
        resource_manager.put_hsm(plan.hsm, plan.request, plan.identities, hsm)
    elif record is not None:
        change = _find_change(hsm, record, plan)
        if not change.empty:
            resource_manager.change_hsm(hsm, change)
    return done(resourceId=plan.resource_id)


def _find_change(hsm: Hsm, record: HsmRecord, plan: Plan) -> InPlaceChange:
    """Find what Azure is to change now; to another region the HSM is extended by a later step, once it is active."""
    # What was asked for before and is not any more may be what full backups need.
    change = keep_identities(find_change(hsm, record.request, plan.request), plan.identities)
    lacking = [name for name in plan.identities if not hsm.has_identity(name)]
    regions = change.additional_regions if not plan.request.additional_regions else None
    return change.model_copy(update={"identities": lacking or None, "additional_regions": regions})


def _require_replaceable(record: HsmRecord | None, plan: Plan) -> None:
    """Keep the record of an HSM that is gone, with the receipt of its security domain, until another can be made.

    Raises ServiceError `hsm_exists`, `hsm_soft_deleted`. Once the record is this operation's, ARM may have been asked,
    and the name is taken by what it makes.
    """
    if record is not None and record.created_by != plan.operation_id:
        require_free_name(plan.request.subscription_id, plan.hsm, record)


def _new_record(plan: Plan) -> HsmRecord:
    return HsmRecord(
        hsm=plan.hsm,
        resource_id=plan.resource_id,
        team=plan.team,
        requester=plan.requester,
        request=plan.request,
        created_by=plan.operation_id,
        created_at=now(),
        made_for_restore=plan.kind == "restore",
    )
