"""Ask ARM to purge the deleted HSM: what it holds is gone for good, and its cost ends."""

from activities.context import approved_plan_of, commit, now
from activities.decommissioning import (
    find_any_hsm,
    find_our_deleted_hsm,
    held_record_of,
    lives_again,
    not_deleted,
    purge_of,
    require_planned_use,
    write_end,
)
from activities.judge_hsm import require_enforced
from activities.pinning import check_again
from clients import archive
from clients.archive import HeldHsmRecord
from clients.deletion import purge_hsm as ask_for_purge
from clients.deletion import purge_protected
from clients.ownership import require_destruction_and_export_allowed
from domain.decommissioning import Decommissioned
from domain.errors import RefusedByAzure
from domain.outcomes import Outcome, Work, done
from domain.policy_rules import require_purge_allowed
from domain.settings import deployment_policy


def purge_hsm(work: Work) -> Outcome:
    """Ask for the purge of what our record shows as deleted; of one that is gone nothing is asked.

    It is held against policy, holds and switches once more. Asked again it may be asked again: a purge gets lost.

    Raises ServiceError `hsm_lives_again`, `hsm_not_deleted`.
    """
    plan = approved_plan_of(work, "decommission", cancelable=True)
    deletion = purge_of(plan)
    held = held_record_of(plan)
    if held.record.decommissioned is None:
        raise not_deleted()
    if find_any_hsm(held.record) is not None:
        raise lives_again()
    deleted = find_our_deleted_hsm(held.record)
    # Idempotent: of what is not there any more nothing is asked; whether it is gone for good is looked at next.
    if deleted is not None:
        if deleted.purge_protected:
            raise purge_protected(deleted.kept_until)
        require_destruction_and_export_allowed()
        require_purge_allowed(deployment_policy(), plan.request.environment)
        if plan.origin == "schedule":
            require_enforced()
        check_again(work, plan)
        require_planned_use(deletion, held.record, None)
        commit(work, "decommission")
        archive.require_not_held(plan.hsm)
        _purge(held, held.record.decommissioned)
    return done()


def _purge(held: HeldHsmRecord, ended: Decommissioned) -> None:
    asked = {"purge_asked_at": now(), "purge_requests": ended.purge_requests + 1, "missing_since": None}
    record = write_end(held, ended.model_copy(update=asked))
    try:
        ask_for_purge(record)
    except RefusedByAzure as refusal:
        # It is being purged already.
        if refusal.detail.code != "azure_conflict":
            raise
