"""Which types of events there are, and what each is."""

import re
from typing import Final

from domain.subscription_events.model import EventKind, Reason
from domain.subscription_events.values import RefusalError

# A platform's own type ends with SubscriptionCreated or SubscriptionCreated.vN, whatever stands before. What Microsoft
# calls so is something else: a subscription to an API (Microsoft.ApiManagement.SubscriptionCreated).
_TYPES: Final[tuple[tuple[str, EventKind, Reason | None], ...]] = (
    (r"(?!microsoft\.)(?:[^.]+\.)*subscriptioncreated(?:\.v[0-9]+)?", "subscription_created", None),
    (r"microsoft\.policyinsights\.policystate(?:created|changed)", "policy_state", None),
    (r"microsoft\.policyinsights\.policystatedeleted", "policy_state", "deletion"),
    (r"microsoft\.resources\.resource(?:write|action)success", "resource_change", None),
    (r"microsoft\.resources\.resourcedeletesuccess", "resource_change", "deletion"),
    (r"microsoft\.resources\.resource(?:write|action|delete)(?:failure|cancel)", "resource_change", "failed_operation"),
    (r"microsoft\.resourcenotifications\.resources\.createdorupdated", "resource_notification", None),
    (r"microsoft\.resourcenotifications\.resources\.deleted", "resource_notification", "deletion"),
)
_COMPILED: Final = tuple(
    (re.compile(pattern, re.IGNORECASE | re.ASCII), kind, reason) for pattern, kind, reason in _TYPES
)
# The activity log over an Event Hub says Success and Failure, over REST Succeeded and Failed.
_SUCCEEDED: Final = ("success", "succeeded")
_FAILED: Final = ("failure", "failed", "canceled", "cancelled")


def find_kind(event_type: str) -> EventKind:
    """Say what an event of a type is.

    Raises RefusalError `unknown_type`, or `deletion` or `failed_operation` where nobody need look.
    """
    for pattern, kind, reason in _COMPILED:
        if pattern.fullmatch(event_type):
            if reason:
                raise RefusalError(reason)
            return kind
    raise RefusalError("unknown_type")


def require_done(operation: str, status: str) -> None:
    """Require that a record of the activity log is of something that was written, or acted on, to its end.

    The log has a record of the start of an operation too. Raises RefusalError `unknown_type`, `deletion`,
    `failed_operation` or `unfinished_operation`.
    """
    verb = operation.rpartition("/")[2].lower()
    if verb not in ("write", "action", "delete"):
        raise RefusalError("unknown_type")
    if status.lower() in _FAILED:
        raise RefusalError("failed_operation")
    if status.lower() not in _SUCCEEDED:
        raise RefusalError("unfinished_operation")
    if verb == "delete":
        raise RefusalError("deletion")
