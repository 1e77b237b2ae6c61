"""Ask once whether Azure has purged the HSM; the orchestrator waits."""

from activities.context import approved_plan_of, now
from activities.decommissioning import (
    find_any_hsm,
    find_our_deleted_hsm,
    held_record_of,
    lives_again,
    not_deleted,
    note_if_gone,
    purge_of,
    show,
)
from clients.archive import HeldHsmRecord
from domain.decommissioning import patience
from domain.outcomes import Outcome, Work, done, wait
from domain.settings import settings


def await_purged(work: Work) -> Outcome:
    """Look whether it is still among the deleted ones: done when it is gone, or when it is time to ask once more.

    Azure's own answer to the purge is not asked: it may never end. Raises ServiceError `hsm_lives_again`.
    """
    plan = approved_plan_of(work, "decommission")
    purge_of(plan)
    held = held_record_of(plan)
    ended = held.record.decommissioned
    if ended is None:
        raise not_deleted()
    if ended.purged_at is not None:
        return done(purged=True, decommissioned=show(ended))
    if find_any_hsm(held.record) is not None:
        raise lives_again()
    if find_our_deleted_hsm(held.record) is None:
        return _settle(held)
    if ended.purge_asked_at is None or now() - ended.purge_asked_at >= patience(ended.purge_requests):
        return done(purged=False)
    return wait(settings().poll_seconds)


def _settle(held: HeldHsmRecord) -> Outcome:
    gone = note_if_gone(held, asked=True).decommissioned
    if gone is None or gone.purged_at is None:
        return wait(settings().poll_seconds)
    return done(purged=True, decommissioned=show(gone))
