"""Register a subscription for Microsoft.KeyVault: new ones are not."""

from activities.opting_in import look_at
from clients.subscriptions import REGISTERED, REGISTERING, find_registration, register
from domain.errors import service_error
from domain.onboarding import NewSubscription
from domain.outcomes import Outcome, done, wait
from domain.settings import settings


def register_provider(subscription: NewSubscription) -> Outcome:
    """Ask for the registration unless it is there or under way; raises ServiceError `subscription_not_wanted`."""
    if look_at(subscription.subscription_id).conclusion.decision != "wanted":
        raise service_error(
            "subscription_not_wanted",
            "The subscription has not opted in any more.",
            advice="Nothing was done in it. Whatever makes it opt in again sends another event.",
        )
    state = find_registration(subscription.subscription_id)
    if state == REGISTERED:
        return done()
    if state != REGISTERING:
        register(subscription.subscription_id)
    return wait(settings().poll_seconds)
