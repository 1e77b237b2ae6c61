"""Ask once whether Azure has deleted the HSM; the orchestrator waits."""

from activities.context import approved_plan_of, now
from activities.decommissioning import find_live_hsm, not_deleted, note_purged, record_of
from clients import archive
from clients.deletion import find_deleted_hsm
from domain.decommissioning import Decommissioned
from domain.hsm import APPEARS_WITHIN
from domain.outcomes import Outcome, Work, done, wait
from domain.records import HsmRecord
from domain.settings import settings


def await_deleted(work: Work) -> Outcome:
    """Look for the HSM among the deleted ones, and record when Azure says that it was deleted.

    One that is neither there nor among them any more was purged by somebody else.
    """
    record = record_of(approved_plan_of(work, "decommission"))
    ended = record.decommissioned
    if ended is None:
        raise not_deleted()
    if ended.deleted_at is None:
        if find_live_hsm(record) is not None:
            return wait(settings().poll_seconds)
        deleted = find_deleted_hsm(record)
        if deleted is None:
            return _await_appearance(record, ended)
        update = {"deleted_at": deleted.deleted_at, "kept_until": deleted.kept_until}
        ended = ended.model_copy(update=update)
        # Idempotent: the record becomes what it already is.
        archive.write_hsm_record(record.model_copy(update={"decommissioned": ended}))
    return done(decommissioned=ended.model_dump(mode="json", by_alias=True, exclude_none=True))


def _await_appearance(record: HsmRecord, ended: Decommissioned) -> Outcome:
    if now() - ended.asked_at < APPEARS_WITHIN:
        return wait(settings().poll_seconds)
    gone = note_purged(record).decommissioned or ended
    return done(decommissioned=gone.model_dump(mode="json", by_alias=True, exclude_none=True))
