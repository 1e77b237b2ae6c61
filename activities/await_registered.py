"""Look whether a subscription is registered for Microsoft.KeyVault by now."""

from clients.subscriptions import REGISTERED, find_registration
from domain.onboarding import NewSubscription
from domain.outcomes import Outcome, done, wait
from domain.settings import settings


def await_registered(subscription: NewSubscription) -> Outcome:
    """Say whether the registration is done; it takes Azure some minutes."""
    registered = find_registration(subscription.subscription_id) == REGISTERED
    return done() if registered else wait(settings().poll_seconds)
