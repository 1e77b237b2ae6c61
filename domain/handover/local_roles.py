"""Local RBAC of an HSM, which has nothing to do with Azure RBAC: who may do what with its keys."""

from typing import Annotated, Final

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from domain.fields import Guid
from domain.handover.data_actions import DATA_ACTIONS, GOVERNING
from domain.model import Model

ADMINISTRATOR: Final = "a290e904-7015-4bba-90c8-60543313cdb4"
"""*Managed HSM Administrator*. Source: Azure Key Vault Managed HSM local RBAC built-in roles."""
AUDITOR: Final = "2c18b078-7c48-4d3a-af88-5a3a1b3f82b3"
"""*Managed HSM Crypto Auditor*."""
BACKUP_USER: Final = "7b127d3c-77bd-4e3e-bbe0-dbb8971fa7f8"
"""*Managed HSM Backup User*."""

CRYPTO_USER: Final = "21dbd100-6940-42c2-9190-5d6cb909625b"
"""*Managed HSM Crypto User*."""

BUILT_IN_ROLES: Final[dict[str, str]] = {
    "Managed HSM Administrator": ADMINISTRATOR,
    "Managed HSM Crypto Officer": "515eb02d-2335-4d2d-92f2-b1cbdf9c3778",
    "Managed HSM Crypto User": CRYPTO_USER,
    "Managed HSM Policy Administrator": "4bd23610-cdcf-4971-bdee-bdc562cc28e4",
    "Managed HSM Crypto Auditor": AUDITOR,
    "Managed HSM Crypto Service Encryption User": "33413926-3206-4cdd-b39a-83574fe37a17",
    "Managed HSM Crypto Service Release User": "21dbd100-6940-42c2-9190-5d6cb909625c",
    "Managed HSM Backup User": BACKUP_USER,
    "Managed HSM Restore User": "6efe6056-5259-49d2-8b3d-d3d73544b20b",
}
"""By their names."""
SELF_SUFFICIENT: Final = frozenset(
    {
        "Managed HSM Administrator",
        "Managed HSM Crypto Officer",
        "Managed HSM Policy Administrator",
        "Managed HSM Restore User",
    }
)
"""Whoever has one of these can give themselves all others, or replace all keys and roles by those of a backup."""


def _known_action(action: str) -> str:
    known = _ACTIONS.get(action.lower())
    if known is None:
        code, message = "invalid_field", "A Managed HSM has no such data action."
        raise PydanticCustomError(code, message)
    return known


_ACTIONS: Final = {action.lower(): action for action in DATA_ACTIONS}
_DataAction = Annotated[str, Field(max_length=200), AfterValidator(_known_action)]

Scope = Annotated[str, Field(pattern=r"^/(keys(/[0-9A-Za-z-]{1,127})?)?$")]
RoleName = Annotated[str, Field(min_length=1, max_length=128)]


class LocalRoleDefinition(Model):
    """A role of the HSM's own, besides those that every HSM has."""

    name: RoleName
    """What it is called."""
    description: Annotated[str, Field(max_length=1024)] = ""
    """What it is for."""
    data_actions: Annotated[list[_DataAction], Field(min_length=1, max_length=100)]
    """What it allows, such as `Microsoft.KeyVault/managedHsm/keys/sign/action`."""
    not_data_actions: Annotated[list[_DataAction], Field(max_length=100)] = Field(default_factory=list)
    """What it takes away from that again."""

    @property
    def governing_actions(self) -> list[str]:
        """What of it lets somebody take more than they were given."""
        return sorted(GOVERNING & (set(self.data_actions) - set(self.not_data_actions)))


class LocalRoleAssignment(Model):
    """Who is given a role of the HSM, and where."""

    principal_id: Guid
    """The Entra object id of a person, a group, or an application's service principal."""
    role: RoleName
    """The name of the role, or its GUID."""
    scope: Scope = "/"
    """Where it holds: `/` everywhere, `/keys` for all keys, `/keys/NAME` for one."""


def check_definitions(definitions: list[LocalRoleDefinition]) -> list[LocalRoleDefinition]:
    """Give roles whose names say which is meant; raises PydanticCustomError."""
    taken = {name.lower() for name in (*BUILT_IN_ROLES, *BUILT_IN_ROLES.values())}
    names = [definition.name.lower() for definition in definitions]
    if len({*names}) < len(names) or taken & {*names}:
        code, message = "invalid_field", "Each role has a name of its own, which no role that every HSM has is called."
        raise PydanticCustomError(code, message)
    return definitions


def built_in_role(role: str) -> tuple[str, str] | None:
    """Give the name and the GUID of a role that every HSM has, by either; None where it is none."""
    wanted = role.lower()
    return next((both for both in BUILT_IN_ROLES.items() if wanted in (both[0].lower(), both[1])), None)
