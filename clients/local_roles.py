"""The local roles of an HSM: who may do what with it. Azure RBAC is something else."""

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from clients.azure_errors import our_errors, unreadable
from clients.credential import RETRIES, credential
from clients.transport import make_transport
from domain.errors import RefusedByAzure
from domain.handover.local_roles import LocalRoleDefinition
from domain.names import hsm_uri

if TYPE_CHECKING:
    from azure.keyvault.administration import (
        KeyVaultAccessControlClient,
        KeyVaultRoleAssignment,
        KeyVaultRoleDefinition,
    )

_DEFINITION: Final = "Microsoft.KeyVault/providers/Microsoft.Authorization/roleDefinitions/"
_OURS: Final = uuid.UUID("2f1f4d3c-6a56-4a3e-9f0e-6c1e0b0f5d8a")


class LocalAssignment(NamedTuple):
    """That a principal has a role at a scope; `role` is the GUID of its definition."""

    name: str
    principal_id: str
    role: str
    scope: str


class CustomRole(NamedTuple):
    """A role of the HSM's own; `name` is the GUID by which it is assigned."""

    name: str
    role_name: str
    data_actions: frozenset[str]
    not_data_actions: frozenset[str]

    def allows_what(self, definition: LocalRoleDefinition) -> bool:
        """Say whether it allows what a definition says; the description is text for people."""
        wanted = _lowered(definition.data_actions), _lowered(definition.not_data_actions)
        return (self.data_actions, self.not_data_actions) == wanted


@lru_cache(maxsize=64)
def _client(hsm: str) -> "KeyVaultAccessControlClient":
    from azure.keyvault.administration import KeyVaultAccessControlClient

    return KeyVaultAccessControlClient(hsm_uri(hsm), credential(), transport=make_transport(), **RETRIES)


def list_assignments(hsm: str, scope: str = "/") -> list[LocalAssignment]:
    """List who has which role of an HSM, at a scope, above and below it: at `/` all of them.

    Raises RefusedByAzure `azure_forbidden` where we may not.
    """
    with our_errors("list the HSM's role assignments"):
        return [_read(assignment) for assignment in _client(hsm).list_role_assignments(scope)]


def assign(hsm: str, scope: str, role: str, principal_id: str) -> LocalAssignment:
    """Give a principal a role, by its GUID, at a scope; the same again changes nothing.

    The assignment is named by what it says, so that there is one. Raises RefusedByAzure: `azure_conflict` where there
    is one of another name that says the same. A refusal may be for a moment only.
    """
    name = name_of(hsm, scope, role, principal_id)
    with _often_too_early("assign a local role"):
        made = _client(hsm).create_role_assignment(scope, f"{_DEFINITION}{role}", principal_id, name=name)
    return _read(made)


def remove(hsm: str, assignment: LocalAssignment) -> None:
    """Take a role from a principal; one that it has not is none."""
    with our_errors("take a local role away"):
        # The SDK takes a 404 for success.
        _client(hsm).delete_role_assignment(assignment.scope, assignment.name)


def list_custom_roles(hsm: str) -> list[CustomRole]:
    """List the HSM's own roles, without those that every HSM has."""
    with our_errors("list the HSM's role definitions"):
        found = [*_client(hsm).list_role_definitions("/")]
    return [_read_role(definition) for definition in found if _text(definition.role_type) == "CustomRole"]


def define(hsm: str, definition: LocalRoleDefinition) -> None:
    """Make a role of the HSM's own, or have the one that we made allow what is asked for.

    It is named by the HSM and its name for people, so that there is one.
    """
    from azure.keyvault.administration import KeyVaultPermission

    allowed = KeyVaultPermission(
        actions=[],
        not_actions=[],
        data_actions=definition.data_actions,
        not_data_actions=definition.not_data_actions,
    )
    with _often_too_early("define a local role"):
        _client(hsm).set_role_definition(
            "/",
            name=definition_name(hsm, definition.name),
            role_name=definition.name,
            description=definition.description,
            permissions=[allowed],
            assignable_scopes=["/"],
        )


def definition_name(hsm: str, role_name: str) -> str:
    """Name a role of the HSM's own by what it is called."""
    return str(uuid.uuid5(_OURS, "|".join((hsm, role_name.lower()))))


@contextmanager
def _often_too_early(action: str) -> Iterator[None]:
    """Raise what `our_errors` does, with a 400 as retryable.

    An HSM says it for some moments of a role that was just defined, and of a principal that was just made.
    """
    try:
        with our_errors(action):
            yield
    except RefusedByAzure as refusal:
        if refusal.detail.code != "azure_refused":
            raise
        raise RefusedByAzure(refusal.detail.model_copy(update={"retryable": True})) from None


def name_of(hsm: str, scope: str, role: str, principal_id: str) -> str:
    """Name an assignment by what it says."""
    return str(uuid.uuid5(_OURS, "|".join((hsm, scope.lower(), role.lower(), principal_id.lower()))))


def _read(assignment: "KeyVaultRoleAssignment") -> LocalAssignment:
    properties = assignment.properties
    if properties is None or not assignment.name or not properties.principal_id or not properties.role_definition_id:
        raise unreadable("list the HSM's role assignments")
    return LocalAssignment(
        name=assignment.name,
        principal_id=properties.principal_id.lower(),
        role=properties.role_definition_id.rpartition("/")[2].lower(),
        scope=_text(properties.scope).lower() or "/",
    )


def _read_role(definition: "KeyVaultRoleDefinition") -> CustomRole:
    permissions = definition.permissions or []
    if not definition.name:
        raise unreadable("list the HSM's role definitions")
    return CustomRole(
        name=definition.name.lower(),
        role_name=definition.role_name or "",
        data_actions=_lowered(_text(action) for item in permissions for action in item.data_actions or []),
        not_data_actions=_lowered(_text(action) for item in permissions for action in item.not_data_actions or []),
    )


def _lowered(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(text.lower() for text in texts)


def _text(value: object) -> str:
    """Read what the SDK gives as an enum where it knows it."""
    return str(value.value if isinstance(value, Enum) else value or "")
