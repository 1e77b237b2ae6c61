"""The role with which the service makes keys, and which it has for as long as that takes.

An administrator may give itself any role and may make no key. *Managed HSM Crypto User* is the narrowest built-in role
that can; one of our own would be narrower by what whoever is administrator can take anyway, and would be one more thing
to leave behind.
"""

from typing import Final

from clients import local_roles
from clients.credential import own_identity
from clients.local_roles import LocalAssignment
from domain.handover.local_roles import CRYPTO_USER

_SCOPE: Final = "/keys"


def take(hsm: str) -> None:
    """Have the role, unless the service has it already; it may take the HSM minutes to hear of it."""
    own = own_identity().object_id
    held = [item for item in local_roles.list_assignments(hsm) if (item.principal_id, item.role) == (own, CRYPTO_USER)]
    if not any(item.scope in ("/", _SCOPE) for item in held):
        local_roles.assign(hsm, _SCOPE, CRYPTO_USER, own)


def leave(hsm: str) -> None:
    """Give the role up that was taken here; one that somebody else gave stays."""
    own = own_identity().object_id
    name = local_roles.name_of(hsm, _SCOPE, CRYPTO_USER, own)
    local_roles.remove(hsm, LocalAssignment(name, own, CRYPTO_USER, _SCOPE))
