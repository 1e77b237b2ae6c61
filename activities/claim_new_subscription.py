"""Claim the name of a new subscription's HSM, so that it is provisioned once however many events there are."""

from activities.context import now
from activities.opting_in import begun_by_event, look_at, new_subscriptions
from clients import archive
from clients.acceptances import record_onboarding
from clients.claims import Due, claim_what_is_due
from clients.hsm_limit import require_place
from domain.errors import refused_fields, service_error
from domain.new_subscriptions import find_refusals_of, request_for
from domain.onboarding import Conclusion, NewSubscription
from domain.outcomes import Outcome, done
from domain.policy import NewSubscriptions
from domain.records import Claim
from domain.settings import deployment_policy


def claim_new_subscription(subscription: NewSubscription) -> Outcome:
    """Claim it if the subscription opted in, whatever was found before: anybody may have started this.

    Raises ServiceError that names what the policy refuses, `hsm_limit_reached`, `operation_in_progress`,
    `audit_unavailable`.
    """
    conclusion, new = look_at(subscription.subscription_id).conclusion, new_subscriptions()
    if conclusion.decision == "wanted" and conclusion.hsm is not None and new is not None:
        claim = _find_own(conclusion.hsm) or _claim(conclusion.hsm, subscription.subscription_id, new)
        # What could not be recorded does not begin: whoever starts the claim records it before.
        record_onboarding(claim)
        conclusion = Conclusion(decision="started", hsm=claim.hsm, operation_id=claim.operation_id)
    return done(**conclusion.model_dump(mode="json", by_alias=True, exclude_none=True))


def _find_own(hsm: str) -> Claim | None:
    """Find what an event claimed before; the request of another day may have another expiry."""
    held = archive.find_claim(hsm)
    return held.claim if held is not None and begun_by_event(held.claim) else None


def _claim(hsm: str, subscription_id: str, new: NewSubscriptions) -> Claim:
    at = now()
    request = request_for(new, subscription_id, at)
    errors = find_refusals_of(deployment_policy(), new, subscription_id, request, at)
    if errors:
        raise refused_fields(errors)
    require_place(hsm)
    claim = claim_what_is_due(Due(hsm=hsm, kind="provision", origin="event", team=new.team, request=request))
    if claim is None:
        raise service_error(
            "operation_in_progress",
            "Somebody claimed the name of the HSM at the same instant.",
            advice="It is looked at again.",
            retryable=True,
        )
    return claim
