"""Look whether the subscriptions that a reconciliation has had looked at have come to a conclusion."""

from clients.lost_starts import find_missing_of
from clients.onboardings import find_onboarding
from clients.reconciliation import require_run
from domain.outcomes import Nothing, Outcome, done, wait
from domain.settings import settings


def await_looks(_: Nothing) -> Outcome:
    """Wait while one of them is open, then say how many HSMs were begun."""
    left = find_missing_of(require_run().id)
    looks = [find_onboarding(item.subscription_id) for item in left.hsms if item.outcome == "started"] if left else []
    conclusions = [held.onboarding.conclusion for held in looks if held is not None]
    if None in conclusions:
        return wait(settings().poll_seconds)
    return done(started=sum(one is not None and one.decision == "started" for one in conclusions))
