"""Lock the HSM in Azure, so that nobody deletes it by mistake."""

from activities.handing_over import handed_over, note
from clients.locks import keep_lock, lock_id
from domain.outcomes import Outcome, Work, done


def lock_hsm(work: Work) -> Outcome:
    """Record that the lock is ours, then set it, or change its level."""
    hsm, wanted = handed_over(work)
    if wanted.lock is None:
        return done()
    note(hsm.name, lock=lock_id(hsm.resource_id))
    # Idempotent: the lock has a name of ours, and one of that level is left.
    keep_lock(hsm.resource_id, wanted.lock)
    return done(lock=lock_id(hsm.resource_id))
