"""Local RBAC: which principal may do what at which scope of one HSM.

Sources: azure-sdk-for-js, keyvault-admin, recordings of the service's answers; azure-keyvault-administration 4.7.2,
_enums.py; Microsoft's "Local RBAC built-in roles for Managed HSM" for what is newer than the recordings.
"""

import uuid
from collections.abc import Collection
from typing import Any, Final

from pydantic import Field

from local.azure.core.transitions import Transition
from local.azure.managed_hsm.bodies import Body
from local.azure.managed_hsm.faults import bad_parameter, refusal

ADMINISTRATOR: Final = "a290e904-7015-4bba-90c8-60543313cdb4"
DEFINITIONS_PATH: Final = "providers/Microsoft.Authorization/roleDefinitions"
ASSIGNMENTS_PATH: Final = "providers/Microsoft.Authorization/roleAssignments"
# Source: MicrosoftDocs, key-vault-limits.md.
CUSTOM_ROLES: Final = 50
ASSIGNMENTS_AT_ROOT: Final = 50
ASSIGNMENTS_AT_KEY: Final = 10
_PREFIX: Final = "Microsoft.KeyVault/managedHsm/"
_ASSIGNMENTS: Final = tuple(f"roleAssignments/{verb}/action" for verb in ("delete", "read", "write"))
_DEFINITIONS: Final = tuple(f"roleDefinitions/{verb}/action" for verb in ("read", "write", "delete"))
_KEY_USE: Final = tuple(
    f"keys/{verb}/action" for verb in ("encrypt", "decrypt", "wrap", "unwrap", "sign", "verify", "derive")
)
_BUILT_IN: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "6efe6056-5259-49d2-8b3d-d3d73544b20b": (
        "Managed HSM Restore User",
        ("restore/start/action", "restore/status/action", "keys/restore/action"),
    ),
    "7b127d3c-77bd-4e3e-bbe0-dbb8971fa7f8": (
        "Managed HSM Backup User",
        ("backup/start/action", "backup/status/action", "keys/backup/action"),
    ),
    "33413926-3206-4cdd-b39a-83574fe37a17": (
        "Managed HSM Crypto Service Encryption User",
        ("keys/read/action", "keys/wrap/action", "keys/unwrap/action"),
    ),
    "21dbd100-6940-42c2-9190-5d6cb909625c": ("Managed HSM Crypto Service Release User", ("keys/release/action",)),
    "2c18b078-7c48-4d3a-af88-5a3a1b3f82b3": (
        "Managed HSM Crypto Auditor",
        (
            "roleAssignments/read/action",
            "roleDefinitions/read/action",
            "keys/read/action",
            "keys/deletedKeys/read/action",
        ),
    ),
    "4bd23610-cdcf-4971-bdee-bdc562cc28e4": (
        "Managed HSM Policy Administrator",
        (
            *_DEFINITIONS,
            "roleAssignments/read/action",
            "roleAssignments/write/action",
            "roleAssignments/delete/action",
        ),
    ),
    "21dbd100-6940-42c2-9190-5d6cb909625b": (
        "Managed HSM Crypto User",
        (
            "roleDefinitions/read/action",
            "roleAssignments/read/action",
            "keys/read/action",
            "keys/write/action",
            "keys/delete",
            "keys/create",
            "keys/rotate/action",
            "keys/import/action",
            "keys/release/action",
            "keys/backup/action",
            "keys/restore/action",
            *_KEY_USE,
            "rng/action",
        ),
    ),
    "515eb02d-2335-4d2d-92f2-b1cbdf9c3778": (
        "Managed HSM Crypto Officer",
        (
            *_ASSIGNMENTS,
            *_DEFINITIONS,
            "keys/deletedKeys/read/action",
            "keys/deletedKeys/delete",
            "keys/deletedKeys/recover/action",
            "keys/export/action",
        ),
    ),
    ADMINISTRATOR: (
        "Managed HSM Administrator",
        (
            *_ASSIGNMENTS,
            *_DEFINITIONS,
            "securitydomain/download/action",
            "securitydomain/download/read",
            "securitydomain/upload/action",
            "securitydomain/upload/read",
            "securitydomain/transferkey/read",
            "backup/start/action",
            "restore/start/action",
            "backup/status/action",
            "restore/status/action",
            "settings/read/action",
            "settings/write/action",
        ),
    ),
}


def full_name(action: str) -> str:
    """Give a data action's whole name."""
    return f"{_PREFIX}{action}"


KNOWN_ACTIONS: Final = frozenset(full_name(action) for _, actions in _BUILT_IN.values() for action in actions)


class Permission(Body):
    """What a role allows."""

    actions: list[str] = Field(default_factory=list)
    not_actions: list[str] = Field(default_factory=list)
    data_actions: list[str] = Field(default_factory=list)
    not_data_actions: list[str] = Field(default_factory=list)

    def allows(self, action: str) -> bool:
        """Say whether it allows a data action."""
        return action in self.data_actions and action not in self.not_data_actions


class RoleProperties(Body):
    """A role."""

    role_name: str = ""
    description: str = ""
    type: str = "CustomRole"
    permissions: list[Permission] = Field(default_factory=list)
    assignable_scopes: list[str] = Field(default_factory=lambda: ["/"])


class RoleDefinitionBody(Body):
    """The body of a PUT of a role."""

    properties: RoleProperties


class AssignmentProperties(Body):
    """Who has which role."""

    principal_id: uuid.UUID
    role_definition_id: str


class AssignmentBody(Body):
    """The body of a PUT of an assignment."""

    properties: AssignmentProperties


class Assignment(Body):
    """A role that a principal has at a scope."""

    principal_id: str
    role_definition_id: str
    scope: str

    @property
    def role(self) -> str:
        """The role's name, which is a GUID."""
        return self.role_definition_id.rpartition("/")[2]


class CustomRoles(Body):
    """What a full backup holds of an HSM's local RBAC."""

    definitions: dict[str, RoleProperties]
    assignments: dict[str, Assignment]


BUILT_IN: Final = {
    name: RoleProperties(
        role_name=role_name,
        type="AKVBuiltInRole",
        permissions=[Permission(data_actions=[full_name(action) for action in actions])],
    )
    for name, (role_name, actions) in _BUILT_IN.items()
}


class LocalRoles:
    """One HSM's roles and assignments; the initial administrators have the role Managed HSM Administrator at `/`."""

    def __init__(self, administrators: Collection[str]) -> None:
        self._custom: dict[str, RoleProperties] = {}
        self._delays: dict[str, Transition] = {}
        self._assignments = {
            str(uuid.uuid4()): Assignment(
                principal_id=administrator, role_definition_id=_definition_id(ADMINISTRATOR), scope="/"
            )
            for administrator in administrators
        }

    def delay(self, name: str, transition: Transition) -> None:
        """Have an assignment permit something only once a transition has ended."""
        self._delays[name] = transition

    def permits(self, principals: Collection[str], action: str, scope: str) -> bool:
        """Say whether one of the principals may do this at the scope, by an assignment there or above."""
        return any(
            permission.allows(full_name(action))
            for name, assignment in self._assignments.items()
            if assignment.principal_id in principals and is_within(scope, assignment.scope) and self._is_heard_of(name)
            for permission in self._definitions().get(assignment.role, RoleProperties()).permissions
        )

    def _is_heard_of(self, name: str) -> bool:
        delay = self._delays.get(name)
        return delay is None or delay.ended

    def list_definitions(self) -> list[dict[str, Any]]:
        """List all roles, the built-in ones first."""
        return [_describe_definition(name, role) for name, role in self._definitions().items()]

    def definition(self, name: str) -> dict[str, Any]:
        """Give one role; raises ServiceFault 404."""
        if name not in self._definitions():
            raise refusal(404, "RoleDefinitionNotFound", f"There is no role definition {name}.")
        return _describe_definition(name, self._definitions()[name])

    def put_definition(self, name: str, asked: RoleProperties) -> dict[str, Any]:
        """Make or change a custom role; raises ServiceFault 400 or 409."""
        if name in BUILT_IN or any(role.role_name == asked.role_name for role in BUILT_IN.values()):
            message = "Cannot re-use the name/GUID matching that of a built-in role. Please use a unique role ID."
            raise bad_parameter(message)
        named = [action for item in asked.permissions for action in (*item.data_actions, *item.not_data_actions)]
        if unknown := sorted(set(named) - KNOWN_ACTIONS):
            raise bad_parameter(f"There is no data action {unknown[0]}.")
        if name not in self._custom and len(self._custom) >= CUSTOM_ROLES:
            raise refusal(409, "QuotaExceeded", f"An HSM has at most {CUSTOM_ROLES} custom role definitions.")
        self._custom[name] = asked.model_copy(update={"type": "CustomRole"})
        return self.definition(name)

    def delete_definition(self, name: str) -> dict[str, Any]:
        """Delete a custom role that nobody has; raises ServiceFault."""
        if name in BUILT_IN:
            raise bad_parameter("A built-in role cannot be deleted.")
        described = self.definition(name)
        if any(assignment.role == name for assignment in self._assignments.values()):
            raise refusal(409, "Conflict", "The role definition has assignments.")
        del self._custom[name]
        return described

    def list_assignments(self, scope: str, *, at_or_above: bool, principal: str | None) -> list[dict[str, Any]]:
        """List the assignments at, above and below the scope, or without those below."""
        return [
            _describe_assignment(name, item)
            for name, item in self._assignments.items()
            if (is_within(scope, item.scope) or (not at_or_above and is_within(item.scope, scope)))
            and principal in (None, item.principal_id)
        ]

    def assignment(self, scope: str, name: str) -> dict[str, Any]:
        """Give one assignment at its scope; raises ServiceFault 404."""
        found = self._assignments.get(name)
        if found is None or found.scope != scope:
            raise refusal(404, "RoleAssignmentNotFound", f"There is no role assignment {name} at {scope}.")
        return _describe_assignment(name, found)

    def put_assignment(self, scope: str, name: str, asked: AssignmentProperties) -> tuple[bool, dict[str, Any]]:
        """Give somebody a role; the same again changes nothing; raises ServiceFault 400 or 409.

        Gives whether it was made, and what it is.
        """
        role = asked.role_definition_id.rpartition("/")[2].lower()
        if role not in self._definitions():
            raise refusal(400, "RoleDefinitionDoesNotExist", f"There is no role definition {role}.")
        new = Assignment(principal_id=str(asked.principal_id), role_definition_id=_definition_id(role), scope=scope)
        taken = [other for other, item in self._assignments.items() if item == new or other == name]
        if taken and (taken != [name] or self._assignments[name] != new):
            raise refusal(409, "RoleAssignmentExists", "The role assignment already exists.")
        limit = ASSIGNMENTS_AT_ROOT if scope == "/" else ASSIGNMENTS_AT_KEY
        if not taken and sum(item.scope == scope for item in self._assignments.values()) >= limit:
            raise refusal(409, "RoleAssignmentLimitExceeded", f"There are at most {limit} role assignments at {scope}.")
        self._assignments[name] = new
        return not taken, _describe_assignment(name, new)

    def delete_assignment(self, scope: str, name: str) -> dict[str, Any]:
        """Take a role from somebody; raises ServiceFault 404."""
        described = self.assignment(scope, name)
        del self._assignments[name]
        self._delays.pop(name, None)
        return described

    def backup(self) -> CustomRoles:
        """Give what a full backup holds."""
        return CustomRoles(definitions=self._custom, assignments=self._assignments)

    def restore(self, kept: CustomRoles) -> None:
        """Replace all by what a full backup holds."""
        self._custom, self._assignments = dict(kept.definitions), dict(kept.assignments)

    def _definitions(self) -> dict[str, RoleProperties]:
        return BUILT_IN | self._custom


def is_within(scope: str, other: str) -> bool:
    """Say whether a scope is another one or lies in it: `/keys/NAME` lies in `/keys`, and that in `/`."""
    return other == "/" or scope == other or scope.startswith(f"{other}/")


def _definition_id(name: str) -> str:
    return f"Microsoft.KeyVault/{DEFINITIONS_PATH}/{name}"


def _describe_definition(name: str, role: RoleProperties) -> dict[str, Any]:
    return {
        "id": _definition_id(name),
        "name": name,
        "type": "Microsoft.Authorization/roleDefinitions",
        "properties": role.model_dump(by_alias=True),
    }


def _describe_assignment(name: str, assignment: Assignment) -> dict[str, Any]:
    return {
        "id": f"{assignment.scope.rstrip('/')}/{ASSIGNMENTS_PATH}/{name}",
        "name": name,
        "type": "Microsoft.Authorization/roleAssignments",
        "properties": assignment.model_dump(by_alias=True),
    }
