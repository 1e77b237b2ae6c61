"""Ask ARM to purge the deleted HSM: what it holds is gone for good, and its cost ends."""

from activities.context import approved_plan_of, commit, now
from activities.decommissioning import deletion_of, find_our_deleted_hsm, not_deleted, record_of
from activities.judge_hsm import require_enforced
from activities.pinning import check_again
from clients import archive
from clients.deletion import purge_hsm as ask_for_purge
from clients.deletion import purge_protected
from clients.ownership import require_destruction_and_export_allowed
from domain.errors import RefusedByAzure, service_error
from domain.outcomes import Outcome, Work, done
from domain.policy_rules import require_purge_allowed
from domain.records import HsmRecord
from domain.settings import deployment_policy


def purge_hsm(work: Work) -> Outcome:
    """Ask for the purge of what our record shows as deleted; of one that is gone nothing is asked.

    It is held against policy, holds and switches once more. Asked again it may be asked again: a purge gets lost.
    """
    plan = approved_plan_of(work, "decommission", cancelable=True)
    if not deletion_of(plan).purges:
        raise service_error("not_planned", "The plan purges nothing.", advice="Send the request again.")
    record = record_of(plan)
    if record.decommissioned is None:
        raise not_deleted()
    deleted = find_our_deleted_hsm(record)
    # Idempotent: what is not there any more was purged.
    if deleted is not None:
        if deleted.purge_protected:
            raise purge_protected(deleted.kept_until)
        require_destruction_and_export_allowed()
        require_purge_allowed(deployment_policy(), plan.request.environment)
        if plan.origin == "schedule":
            require_enforced()
        check_again(work, plan)
        commit(work, "decommission")
        archive.require_not_held(plan.hsm)
        _purge(record)
    return done()


def _purge(record: HsmRecord) -> None:
    if record.decommissioned is None:
        raise not_deleted()
    requests = record.decommissioned.purge_requests + 1
    ended = record.decommissioned.model_copy(update={"purge_asked_at": now(), "purge_requests": requests})
    archive.write_hsm_record(record.model_copy(update={"decommissioned": ended}))
    try:
        ask_for_purge(record)
    except RefusedByAzure as refusal:
        # It is being purged already.
        if refusal.detail.code != "azure_conflict":
            raise
