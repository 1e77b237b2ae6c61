"""What becomes of an event: where to look, or why there is nothing to look at."""

from typing import Final, Literal

from pydantic import AwareDatetime

from domain.model import Model

EventKind = Literal[
    "subscription_created", "policy_state", "resource_change", "resource_notification", "activity_log_record"
]
Reason = Literal[
    "unknown_shape",
    "unknown_type",
    "too_large",
    "bad_time",
    "no_subscription_id",
    "conflicting_subscription_ids",
    "not_about_a_subscription",
    "deletion",
    "failed_operation",
    "unfinished_operation",
]
_IGNORED: Final[frozenset[Reason]] = frozenset(
    {"not_about_a_subscription", "deletion", "failed_operation", "unfinished_operation"}
)


class SubscriptionEvent(Model):
    """A subscription to look at, and what said so; but for the subscription's id it is for people and the log."""

    event_id: str
    """What its sender calls it. Of a record of the activity log its correlation id, where it has no id of its own."""
    source: str
    """What sent it, as it says itself, or nothing; of a record of the activity log the resource that it is about.

    It is cut, and has nothing that does not print.
    """
    kind: EventKind
    """What it is."""
    subscription_id: str
    """The subscription, as a GUID in lower case."""
    occurred_at: AwareDatetime | None = None
    """When it happened, in UTC. Absent where it does not say."""
    correlation_id: str | None = None
    """The GUID by which Azure ties together what belongs to one operation. Absent where it has none."""


class RefusedEvent(Model):
    """An event that says of no subscription to look at it; the texts are cut and have nothing that does not print.

    `reason` is `unknown_shape` also where a member has another type than its shape gives it; `no_subscription_id` also
    where what should be one is not; `bad_time` where a time is not one of RFC 3339 with its offset.
    """

    reason: Reason
    """Why: a stable code."""
    event_type: str | None = None
    """What it says that it is; of a record of the activity log its operation. Absent where it has no such text."""
    event_id: str | None = None
    """What its sender calls it. Absent where it has no such text."""
    source: str | None = None
    """What sent it, as it says itself. Absent where it has no such text."""

    @property
    def ignored(self) -> bool:
        """Whether it is an event as it should be, of something that nobody need look at."""
        return self.reason in _IGNORED
