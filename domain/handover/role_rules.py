"""Which local roles a hand-over may define and assign."""

import re
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from domain.errors import FieldError
from domain.handover.giving_up import kept_roles
from domain.handover.local_roles import ADMINISTRATOR, SELF_SUFFICIENT, LocalRoleDefinition, Scope, built_in_role
from domain.handover.request import Handover

GUID: Final = re.compile(r"[0-9A-Fa-f]{8}-([0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")
# Source: MicrosoftDocs, key-vault-limits.md. Of the scope `/keys` it says nothing.
_AT_ROOT: Final = 50
_AT_KEY: Final = 10


class WantedAssignment(NamedTuple):
    """Who is to have which role, by its name or its GUID, and where; `field` says where that was asked for."""

    principal_id: str
    role: str
    scope: Scope
    field: str


def wanted_assignments(handover: Handover) -> list[WantedAssignment]:
    """Give all local roles that a hand-over assigns, those of its keys' consumers as well."""
    asked = [
        WantedAssignment(item.principal_id, item.role, item.scope, f"handover.localRoleAssignments[{number}]")
        for number, item in enumerate(handover.local_role_assignments or [])
    ]
    consumers = [
        WantedAssignment(
            consumer.principal_id, consumer.role, f"/keys/{key.name}", f"handover.keys[{at}].consumers[{number}]"
        )
        for at, key in enumerate(handover.keys or [])
        for number, consumer in enumerate(key.consumers)
    ]
    return asked + consumers


def find_definition(handover: Handover, role: str) -> LocalRoleDefinition | None:
    """Find a role of the HSM's own by its name, without regard to case."""
    named = (item for item in handover.local_role_definitions or [] if item.name.lower() == role.lower())
    return next(named, None)


def names_unknown_role(handover: Handover) -> bool:
    """Say whether a role is assigned that is neither built in nor defined here, nor named by a GUID."""
    return any(
        built_in_role(wanted.role) is None
        and find_definition(handover, wanted.role) is None
        and not GUID.fullmatch(wanted.role)
        for wanted in wanted_assignments(handover)
    )


def find_role_violations(
    asked: Handover, resolved: Handover, default: Handover, listed: list[str] | None
) -> Iterator[FieldError]:
    """Name what of the local roles is refused.

    `listed` are the roles that the policy lists, by name or GUID. What the policy itself asks for is not refused.
    """
    for number, definition in enumerate(asked.local_role_definitions or []):
        if definition.governing_actions and definition not in (default.local_role_definitions or []):
            yield FieldError(
                field=f"handover.localRoleDefinitions[{number}].dataActions",
                message="A role of a request's own allows nothing with which more can be taken than was given.",
                code="local_role_not_allowed",
            )
    ours = {(item.principal_id, item.role, item.scope) for item in wanted_assignments(default)}
    for wanted in wanted_assignments(asked):
        if (wanted.principal_id, wanted.role, wanted.scope) not in ours:
            yield from _judge(wanted, resolved, listed)


def find_crowded_scopes(resolved: Handover, administrators: Collection[str]) -> Iterator[FieldError]:
    """Name the first assignment at each scope that no HSM has room for, beside its administrators and the service."""
    given = {(who.lower(), ADMINISTRATOR) for who in administrators}
    given |= {("the service", role) for role in (ADMINISTRATOR, *kept_roles(resolved.administration))}
    at = {"/": given}
    crowded = set()
    for wanted in wanted_assignments(resolved):
        scope = wanted.scope.lower()
        limit = {"/": _AT_ROOT, "/keys": None}.get(scope, _AT_KEY)
        there = at.setdefault(scope, set())
        there.add((wanted.principal_id.lower(), _identity_of(wanted.role)))
        if limit is not None and len(there) > limit and scope not in crowded:
            crowded.add(scope)
            message = (
                f"An HSM has at most {limit} role assignments at {scope}, its administrators and the service with it."
            )
            yield FieldError(field=wanted.field, message=message, code="invalid_field")


def _identity_of(role: str) -> str:
    """Give the GUID of a built-in role, which is one under either of its names."""
    built_in = built_in_role(role)
    return built_in[1] if built_in else role.lower()


def _judge(wanted: WantedAssignment, resolved: Handover, listed: list[str] | None) -> Iterator[FieldError]:
    built_in = built_in_role(wanted.role)
    defined = find_definition(resolved, wanted.role)
    names = {name.lower() for name in (built_in or (wanted.role,))}
    if built_in is None and defined is None and not names & _lowered(listed or []):
        message = "There is no such role: neither a built-in one nor one of this request or of the policy."
        yield FieldError(field=f"{wanted.field}.role", message=message, code="local_role_unknown")
    elif not _is_allowed(names, built_in, defined, listed):
        message = "The policy does not let a request assign this role. GET /api/policy shows those that it may."
        yield FieldError(field=f"{wanted.field}.role", message=message, code="local_role_not_allowed")


def _is_allowed(
    names: set[str],
    built_in: tuple[str, str] | None,
    defined: LocalRoleDefinition | None,
    listed: list[str] | None,
) -> bool:
    if listed is None:
        # A role that the policy itself defines may allow anything: a request gives it to nobody.
        governs = defined is not None and bool(defined.governing_actions)
        return not governs and (built_in is None or built_in[0] not in SELF_SUFFICIENT)
    return bool(names & _lowered(listed))


def _lowered(names: list[str]) -> set[str]:
    return {name.lower() for name in names}
