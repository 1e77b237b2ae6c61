"""Record what was decided of a subscription, and why."""

import logging

from activities.auditing import record_decision_against
from clients.onboardings import conclude, find_onboarding
from domain.onboarding import ConcludedOnboarding, is_news
from domain.outcomes import Outcome, done

_log = logging.getLogger("hsm_provisioner.onboarding")


def record_onboarding(concluded: ConcludedOnboarding) -> Outcome:
    """Record it, unless another event came meanwhile: then the subscription is to be looked at again."""
    conclusion = concluded.conclusion
    held = find_onboarding(concluded.subscription_id)
    # Idempotent: whoever concluded it had recorded it, and may have died before that could be said.
    if held is not None and held.onboarding.conclusion == conclusion:
        return done(again=False)
    if (held.etag if held else "") != concluded.seen:
        return done(again=True)
    # In the audit log first: once it is concluded nobody looks again. What is begun was recorded in the chain of its
    # operation, before that was started.
    if conclusion.decision != "started" and is_news(conclusion, held.onboarding.before if held else None):
        record_decision_against(concluded.subscription_id, conclusion)
    level = logging.WARNING if conclusion.decision == "failed" else logging.INFO
    _log.log(level, "subscription %s: %s", concluded.subscription_id, conclusion.to_json())
    return done(again=not conclude(concluded.subscription_id, held, conclusion))
