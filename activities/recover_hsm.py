"""Ask ARM to bring a deleted HSM back; it costs as much as it did while it was deleted."""

from activities.context import approved_plan_of, commit, now
from activities.decommissioning import find_our_deleted_hsm, record_of
from activities.pinning import check_again
from clients import archive, resource_manager
from clients.ownership import hsm_exists, is_recovered
from clients.recovery import hsm_being_purged, require_recoverable
from domain.decommissioning import Decommissioned
from domain.errors import RefusedByAzure
from domain.hsm import APPEARS_WITHIN
from domain.outcomes import Outcome, Work, done
from domain.records import HsmRecord, Plan


def recover_hsm(work: Work) -> Outcome:
    """Record that the HSM is to be recovered, then ask for it; one that is there again is not asked for.

    It is held against policy and record once more, for its approval may have taken weeks.
    """
    plan = approved_plan_of(work, "recover", cancelable=True)
    record = record_of(plan)
    hsm = resource_manager.find_hsm(record.subscription_id, record.resource_group, record.hsm)
    if hsm is not None and not is_recovered(hsm, record):
        raise hsm_exists()
    # Idempotent: what is there, or on its way, was asked for by an execution before this one, or by somebody else.
    if hsm is None and (find_our_deleted_hsm(record) is not None or not is_on_its_way(record)):
        _recover(work, plan, record)
    return done()


def is_on_its_way(record: HsmRecord) -> bool:
    """Say whether Azure was asked so lately that it need not show the HSM yet."""
    ended = record.decommissioned
    asked_at = ended.recovery_asked_at if ended is not None else None
    return asked_at is not None and now() - asked_at < APPEARS_WITHIN


def _recover(work: Work, plan: Plan, record: HsmRecord) -> None:
    require_recoverable(record)
    check_again(work, plan)
    commit(work, "recover")
    ended = record.decommissioned
    if ended is not None:
        _ask(record, ended)


def _ask(record: HsmRecord, ended: Decommissioned) -> None:
    asked = ended.model_copy(update={"recovery_asked_at": now()})
    archive.write_hsm_record(record.model_copy(update={"decommissioned": asked}))
    try:
        resource_manager.recover_hsm(record.hsm, record.resource_group, record.request)
    except RefusedByAzure as refusal:
        archive.write_hsm_record(record)
        if refusal.detail.code != "azure_conflict":
            raise
        # Killed after it was asked for, it is asked for twice.
        if not is_on_its_way(record):
            raise hsm_being_purged() from None
