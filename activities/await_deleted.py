"""Ask once whether Azure has deleted the HSM; the orchestrator waits."""

from datetime import timedelta

from activities.context import approved_plan_of
from activities.decommissioning import (
    deletion_of,
    find_any_hsm,
    held_record_of,
    not_deleted,
    note_if_gone,
    show,
    write_end,
)
from clients.archive import HeldHsmRecord
from clients.deletion import find_deleted_hsm
from domain.decommissioning import Decommissioned, was_deleted_then
from domain.outcomes import Outcome, Work, done, wait
from domain.records import Plan
from domain.settings import settings


def await_deleted(work: Work) -> Outcome:
    """Look for the HSM among the deleted ones, and record when Azure says that it was deleted.

    One that is neither there nor among them may be on its way from the one to the other. Only where its name is free
    again it was purged, by somebody else.
    """
    plan = approved_plan_of(work, "decommission")
    held = held_record_of(plan)
    ended = held.record.decommissioned
    if ended is None or not _is_of(plan, ended):
        raise not_deleted()
    if ended.deleted_at is not None or ended.purged_at is not None:
        return done(decommissioned=show(ended))
    if find_any_hsm(held.record) is not None:
        return wait(settings().poll_seconds)
    return _look_among_deleted(held, ended)


def _is_of(plan: Plan, ended: Decommissioned) -> bool:
    """Say whether it is the deletion that this plan is about: its own, or one before it that never was seen to end."""
    return not deletion_of(plan).deletes or ended.operation_id == plan.operation_id or ended.deleted_at is None


def _look_among_deleted(held: HeldHsmRecord, ended: Decommissioned) -> Outcome:
    deleted = find_deleted_hsm(held.record)
    if deleted is None:
        gone = note_if_gone(held, asked=False).decommissioned
        purged = gone is not None and gone.purged_at is not None
        return done(decommissioned=show(gone)) if purged else wait(settings().poll_seconds)
    if not was_deleted_then(ended, deleted.deleted_at, timedelta(minutes=settings().deadline_minutes)):
        # It was asked for and did not happen; this one is somebody else's.
        raise not_deleted()
    seen = {"deleted_at": deleted.deleted_at, "kept_until": deleted.kept_until, "missing_since": None}
    # Idempotent: the record becomes what it already is.
    return done(decommissioned=show(write_end(held, ended.model_copy(update=seen)).decommissioned))
