"""The places of an event that name a subscription, and the one subscription that all of them name."""

import re
from collections.abc import Iterable
from typing import Final

from domain.subscription_events.values import NOBODYS, RefusalError, read_guid, read_text

_FLAGS: Final = re.IGNORECASE | re.ASCII | re.DOTALL
_WITHIN: Final = re.compile(r"/?subscriptions/(?P<id>[^/]+)(?P<rest>/.*)?", _FLAGS)
_PLACED: Final = re.compile(
    r"/providers/microsoft\.management/managementgroups/[^/]+/subscriptions/(?P<id>[^/]+)(?P<rest>)/?", _FLAGS
)
_ABOUT: Final = re.compile(
    r"(?:/providers/microsoft\.resources/tags/default"
    r"|/resourcegroups/[^/]+/providers/microsoft\.keyvault/managedhsms/[^/]+)?/?",
    _FLAGS,
)


def find_subscription(ids: Iterable[object], paths: Iterable[object]) -> str:
    """Find the one subscription that all of these places name: ids, or paths of Azure resources.

    A place that names none, such as a management group or a topic, does not matter. Raises RefusalError
    `no_subscription_id`, `conflicting_subscription_ids`, `unknown_shape` or `too_large`.
    """
    named = {_identify(read_text(place)) for place in ids} | {_named_by(read_text(place)) for place in paths}
    named.discard("")
    if len(named) > 1:
        raise RefusalError("conflicting_subscription_ids")
    found = read_guid(named.pop()) if named else None
    if found is None:
        raise RefusalError("no_subscription_id")
    return found


def require_about_subscription(paths: Iterable[object]) -> None:
    """Require that a resource is the subscription itself, where it is placed, its tags, or a Managed HSM in it.

    Where no path is of a subscription, none says that it is about something else. Raises RefusalError
    `not_about_a_subscription`, `unknown_shape` or `too_large`.
    """
    matched = [match for path in paths if (match := _match(read_text(path)))]
    if matched and not any(_ABOUT.fullmatch(match["rest"] or "") for match in matched):
        raise RefusalError("not_about_a_subscription")


def _identify(place: str) -> str:
    """Give the id in a place for ids; some write the subscription's path there."""
    return _lowered(_named_by(place) or place)


def _named_by(path: str) -> str:
    match = _match(path)
    return _lowered(match["id"]) if match else ""


def _match(path: str) -> re.Match[str] | None:
    return _WITHIN.fullmatch(path) or _PLACED.fullmatch(path)


def _lowered(place: str) -> str:
    """Make equal what differs in case only; `NOBODYS` names none."""
    lowered = place.lower()
    return "" if lowered == NOBODYS else lowered
