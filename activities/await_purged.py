"""Ask once whether Azure has purged the HSM; the orchestrator waits."""

from activities.context import approved_plan_of, now
from activities.decommissioning import find_our_deleted_hsm, not_deleted, note_purged, record_of
from domain.decommissioning import Decommissioned, patience
from domain.outcomes import Outcome, Work, done, wait
from domain.settings import settings


def await_purged(work: Work) -> Outcome:
    """Look whether it is still among the deleted ones: done when it is not, or when it is time to ask once more.

    Azure's own answer to the purge is not asked: it may never end.
    """
    record = record_of(approved_plan_of(work, "decommission"))
    ended = record.decommissioned
    if ended is None:
        raise not_deleted()
    if find_our_deleted_hsm(record) is None:
        gone = note_purged(record).decommissioned
        return done(purged=True, decommissioned=_show(gone or ended))
    if ended.purge_asked_at is None or now() - ended.purge_asked_at >= patience(ended.purge_requests):
        return done(purged=False)
    return wait(settings().poll_seconds)


def _show(ended: Decommissioned) -> dict[str, object]:
    return ended.model_dump(mode="json", by_alias=True, exclude_none=True)
