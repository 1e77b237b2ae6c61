"""Record what was decided of a subscription, and why."""

import logging

from clients.onboardings import conclude
from domain.onboarding import ConcludedOnboarding
from domain.outcomes import Outcome, done

_log = logging.getLogger("hsm_provisioner.onboarding")


def record_onboarding(concluded: ConcludedOnboarding) -> Outcome:
    """Record it, unless another event came meanwhile: then the subscription is to be looked at again."""
    if not conclude(concluded.subscription_id, concluded.seen, concluded.conclusion):
        return done(again=True)
    conclusion = concluded.conclusion
    level = logging.WARNING if conclusion.decision == "failed" else logging.INFO
    _log.log(level, "subscription %s: %s", concluded.subscription_id, conclusion.to_json())
    return done(again=False)
