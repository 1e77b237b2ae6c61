"""What becomes of a subscription that appeared, and what is kept of the event that said so."""

from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, Field

from domain.errors import ErrorDetail
from domain.fields import Guid
from domain.model import Model
from domain.subscription_events.model import RefusedEvent, SubscriptionEvent

Decision = Literal[
    "wanted", "started", "not_configured", "not_ours", "not_enabled", "not_opted_in", "begun_before", "failed"
]


_BEGUN: Final = ("started", "begun_before")


class NewSubscription(Model):
    """A subscription to look at; of what an event said there is nothing else that anybody believes.

    `attempt` counts from 0 how often it was looked at before.
    """

    subscription_id: Guid
    attempt: Annotated[int, Field(ge=0)] = 0


class EventRecord(Model):
    """That an event came, and what it was read as: one result, or several of a message of the activity log."""

    received_at: AwareDatetime
    results: list[SubscriptionEvent | RefusedEvent]


class Conclusion(Model):
    """What was decided of a subscription, and why.

    `wanted`: it opted in, and what is to be done for that has yet to be. `begun_before`: what its HSM is named was
    begun once, whatever came of it, and no event begins it again.
    """

    decision: Decision
    why: str = ""
    hsm: str | None = None
    operation_id: str | None = None
    error: ErrorDetail | None = None


class Onboarding(Model):
    """The last look at a subscription; without a conclusion it has yet to be looked at, since `asked_at`.

    `before` is what the look before it came to.
    """

    subscription_id: str
    asked_at: AwareDatetime
    concluded_at: AwareDatetime | None = None
    conclusion: Conclusion | None = None
    before: Conclusion | None = None


def is_news(conclusion: Conclusion, before: Conclusion | None) -> bool:
    """Say whether a conclusion tells more than the one before it: events of one subscription come again and again."""
    if conclusion.decision == "begun_before" and before is not None and before.decision in _BEGUN:
        return False
    return before is None or _tell(conclusion) != _tell(before)


def _tell(conclusion: Conclusion) -> tuple[str, str, str | None]:
    # What Azure answers to a failure differs each time, by its request's id.
    code = conclusion.error.code if conclusion.error else None
    return conclusion.decision, "" if code else conclusion.why, code


class ConcludedOnboarding(NewSubscription):
    """What was decided by a look that began when the record had the ETag `seen`; empty where there was none."""

    seen: str
    conclusion: Conclusion
