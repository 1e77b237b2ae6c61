"""The door of a vault: the challenge, then the vault, then what the caller may do in it."""

from typing import Any, Final

from starlette.requests import Request

from local.azure.core.challenge import Challenge
from local.azure.core.errors import ServiceFault
from local.azure.core.journal import note_action
from local.azure.core.tokens import TokenAuthority
from local.azure.key_vault.faults import make_fault
from local.azure.key_vault.models import Vault, Vaults
from local.azure.key_vault.roles import VAULTS

RESOURCE: Final = "https://vault.azure.net"
_UNAUTHENTICATED: Final = "AKV10000: Request is missing a Bearer or PoP token."
_RECENT_CHANGES: Final = (
    "If role assignments, deny assignments or role definitions were changed recently, please observe propagation time."
)


class Door:
    """What every request passes first."""

    def __init__(self, vaults: Vaults, authority: TokenAuthority) -> None:
        self._vaults = vaults
        self._challenge = Challenge(authority, RESOURCE)

    def enter(self, request: Request, action: str) -> Vault:
        """Give the vault for a data action such as `certificates/read`; raises ServiceFault 401, 400, 404 or 403."""
        full_action = f"{VAULTS}/{action}"
        note_action(request, full_action)
        claims = self.authenticate(request)
        vault = self._vaults.find(request.headers["host"].partition(".")[0])
        if not vault.access.allows(str(claims["oid"]), full_action):
            raise _refuse(vault, claims, full_action, request.url.path)
        return vault

    def authenticate(self, request: Request) -> dict[str, Any]:
        """Give the token's claims; raises ServiceFault 401 with the challenge, or 400 without an API version."""
        try:
            return self._challenge.validate(request)
        except ServiceFault as fault:
            if fault.status != 401:
                raise
            message = fault.message if "authorization" in request.headers else _UNAUTHENTICATED
            raise ServiceFault(401, "Unauthorized", message, fault.headers) from None


def _refuse(vault: Vault, claims: dict[str, Any], action: str, path: str) -> ServiceFault:
    """Refuse as Azure does (source: hashicorp/terraform-provider-azurerm issue 27817 and many like it)."""
    kind, _, name = path.strip("/").partition("/")
    place = f"/{kind}/{name.partition('/')[0]}".rstrip("/")
    lines = [
        "Caller is not authorized to perform action on resource.",
        _RECENT_CHANGES,
        f"Caller: appid={claims.get('appid')};oid={claims['oid']};iss={claims['iss']}",
        f"Action: '{action}'",
        f"Resource: '/providers/microsoft.keyvault/vaults/{vault.name}{place}'",
        "Assignment: (not found)",
        "DenyAssignmentId: null",
        "DecisionReason: 'DeniedWithNoValidRBAC' ",
        f"Vault: {vault.name}",
        "",
    ]
    return make_fault(403, "Forbidden", "ForbiddenByRbac", "\r\n".join(lines))
