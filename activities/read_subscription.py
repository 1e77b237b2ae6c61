"""Look at a subscription that an event named: whose it is, and whether it opted in."""

from typing import Final

from activities.opting_in import look_at
from domain.onboarding import NewSubscription
from domain.outcomes import Outcome, done, wait
from domain.settings import settings

LOOKS: Final = 6
"""How often a subscription is looked at of which Azure may not tell everything yet, with pauses that double."""


def read_subscription(subscription: NewSubscription) -> Outcome:
    """Decide whether the subscription gets an HSM; wait where Azure may just not have told of everything yet."""
    look = look_at(subscription.subscription_id)
    if look.passing and subscription.attempt + 1 < LOOKS:
        return wait(settings().poll_seconds * 2**subscription.attempt)
    return done(**look.conclusion.model_dump(mode="json", by_alias=True, exclude_none=True))
