"""What a new subscription gets: whether it opted in, the name of its HSM, and the request for it."""

import hashlib
import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic import ValidationError

from domain.asking import find_refusals
from domain.errors import FieldError, ServiceError
from domain.policy import EVERYTHING, LONGEST_NAME, NewSubscriptions, OptIn, Policy
from domain.policy_mistakes import name_place
from domain.policy_rules import grant_of_service
from domain.requests import HsmRequest, check_request
from domain.wording import explain

_PLACE: Final = ("newSubscriptions", "request")
_ELSEWHERE: Final = {"name": "newSubscriptions.namePrefix", "expiresAt": "newSubscriptions.lifetimeDays"}
_OWN: Final = ("subscriptionId", "team", "requestedBy", "expiresAt")
# What the longest prefix, of 11 characters, and a hyphen leave.
_SHORTEST_HASH: Final = 12
_ANY_SUBSCRIPTION: Final = "00000000-0000-4000-8000-000000000000"


def hsm_name_for(prefix: str, subscription_id: str) -> str:
    """Name the HSM of a subscription: always the same, so that all events of one meet at one claim."""
    return f"{prefix}-{_hash(subscription_id)}"[:LONGEST_NAME]


def is_named_for(hsm: str, subscription_id: str) -> bool:
    """Say whether a subscription's HSM is named so, or was when the policy had another prefix."""
    own = hsm.rpartition("-")[2]
    return len(hsm) == LONGEST_NAME and len(own) >= _SHORTEST_HASH and _hash(subscription_id).startswith(own)


def _hash(subscription_id: str) -> str:
    return hashlib.sha256(subscription_id.lower().encode()).hexdigest()


def request_for(new: NewSubscriptions, subscription_id: str, now: datetime) -> HsmRequest:
    """Make the request for the HSM of a subscription, of the policy alone; raises ValidationError."""
    document: dict[str, Any] = {**new.request, "subscriptionId": subscription_id}
    if new.lifetime_days is not None:
        document["expiresAt"] = (now + timedelta(days=new.lifetime_days)).isoformat()
    return HsmRequest.model_validate_json(json.dumps(document))


def has_tag(opt_in: OptIn, tags: Mapping[str, str]) -> bool:
    """Say whether a subscription has the tag that the policy wants, if it wants one."""
    # Azure does not tell names of tags apart by case, but values.
    own = {name.lower(): value for name, value in tags.items()}
    return opt_in.tag is None or own.get(opt_in.tag.name.lower()) == opt_in.tag.value


def is_below(opt_in: OptIn, groups: Collection[str]) -> bool:
    """Say whether one of the management groups above a subscription is one that the policy names, if it names any."""
    wanted = opt_in.management_groups
    return wanted is None or bool(set(wanted) & {name.lower() for name in groups})


def find_mistakes(policy: Policy, new: NewSubscriptions) -> list[str]:
    """Name what is wrong with the request for the HSMs of new subscriptions, a sentence for each with its place."""
    forbidden = [name for name in _OWN if name in new.request]
    if forbidden:
        return [f"{name_place((*_PLACE, name))}: There is no such member." for name in forbidden]
    now = datetime.now(UTC)
    # Any that the policy allows stands for all: what differs between them is checked when there is one.
    subscription = next((one for one in policy.subscriptions if one != EVERYTHING), _ANY_SUBSCRIPTION)
    try:
        request = request_for(new, subscription, now)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        return [f"{name_place((*_PLACE, *detail['loc']))}: {explain(detail)}" for detail in details]
    errors = [*_find_faults(request), *find_refusals_of(policy, new, subscription, request, now)]
    return [f"{_name_field(error.field)}: {error.message}" for error in errors]


def find_refusals_of(
    policy: Policy, new: NewSubscriptions, subscription_id: str, request: HsmRequest, now: datetime
) -> list[FieldError]:
    """Name each field of the request for a subscription's HSM that the policy itself refuses."""
    grant = grant_of_service(new.team, policy.requests_per_minute)
    name = hsm_name_for(new.name_prefix, subscription_id)
    return find_refusals(policy, grant, name, new.team, request, now, by_operator=False)


def _find_faults(request: HsmRequest) -> list[FieldError]:
    try:
        # A certificate that expires must not make the policy invalid, which would stop all else: preflight finds it.
        check_request(request)
    except ServiceError as error:
        return error.detail.errors
    return []


def _name_field(field: str) -> str:
    return _ELSEWHERE.get(field, f"{name_place(_PLACE)}.{field}")
