"""Whether what others own is there, and whether the service may use it: checked before money is spent."""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from clients import upkeep
from clients.resource_manager import find_missing_actions
from domain.errors import FieldError, RefusedByAzure, ServiceError, refused_fields, service_error


class Linked(NamedTuple):
    """A resource that a field of the request names, and what the service must be allowed to do with it.

    The first of these is to read it. `scope` is where roles on it are looked up.
    """

    field: str
    resource: str
    actions: Collection[str]
    scope: str


def require_linked(linked: Iterable[Linked]) -> None:
    """Check each resource; raises ServiceError `permission_missing`, `linked_resource_missing`."""
    every = list(linked)
    missing = [one.field for one in every if not _exists(one)]
    if missing:
        message = "There is no such resource."
        code = "linked_resource_missing"
        raise refused_fields([FieldError(field=field, message=message, code=code) for field in missing])
    for one in every:
        require_permitted(one.scope, one.actions)


def require_permitted(scope: str, actions: Collection[str]) -> None:
    """Check what our identity may do at a scope, by its resource id; raises ServiceError `permission_missing`."""
    missing = find_missing_actions(scope, actions) if actions else []
    if missing:
        raise _not_permitted(scope, missing)


def _exists(one: Linked) -> bool:
    try:
        return upkeep.find(one.resource) is not None
    except RefusedByAzure as refusal:
        if refusal.detail.code == "azure_forbidden":
            raise _not_permitted(one.resource, [next(iter(one.actions))]) from None
        raise


def _not_permitted(scope: str, missing: list[str]) -> ServiceError:
    return service_error(
        "permission_missing",
        f"The service's identity may not on {scope}: {', '.join(missing)}.",
        advice="Give it the roles that docs/handover.md names there, then send the request again.",
    )
