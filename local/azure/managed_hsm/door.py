"""Who comes in: the order in which the service refuses a caller of an HSM's data plane."""

import ipaddress
from collections.abc import Collection
from typing import Final, NamedTuple

from starlette.requests import Request

from local.azure.core.challenge import Challenge
from local.azure.core.errors import ServiceFault
from local.azure.core.interference import note_unreachable
from local.azure.core.journal import note_action
from local.azure.core.tokens import TokenAuthority
from local.azure.managed_hsm.faults import conflict, refusal
from local.azure.managed_hsm.models import ManagedHsm
from local.azure.managed_hsm.roles import full_name
from local.azure.resource_manager.hsm_resource import HsmResource
from local.azure.resource_manager.models import ResourceManager
from local.azure.resource_manager.network.reaching import Way, find_way, is_admitted_by_subnet

RESOURCE: Final = "https://managedhsm.azure.net"
BACKUP_STATUS: Final = "backup/status/action"
RESTORE_STATUS: Final = "restore/status/action"
# The service gives out these addresses without a version, and the SDKs ask for them as they are.
_WITHOUT_VERSION: Final = frozenset({BACKUP_STATUS, RESTORE_STATUS})


class Visit(NamedTuple):
    """A caller whose token is right, and the HSM that is meant."""

    hsm: ManagedHsm
    principals: Collection[str]


class Door:
    """Settles for each call which HSM is meant and whether the caller may do this: token, network, state, role."""

    def __init__(self, manager: ResourceManager, authority: TokenAuthority) -> None:
        self._manager = manager
        self._challenge = Challenge(authority, RESOURCE)

    def enter(self, request: Request, action: str, scope: str = "/") -> ManagedHsm:
        """Give the HSM to who may do this there; raises ServiceFault 400, 401, 403, 404 or 409."""
        note_action(request, full_name(action))
        hsm, principals = self.admit(request, version_required=action not in _WITHOUT_VERSION)
        if hsm.is_restoring() and action != RESTORE_STATUS:
            raise conflict("The Managed HSM is being restored.")
        if not hsm.roles.permits(principals, action, scope):
            raise refusal(403, "AccessDenied", f"Not authorized to access {full_name(action)} on {scope}")
        return hsm

    def admit(self, request: Request, *, version_required: bool = True) -> Visit:
        """Check all but the role; raises ServiceFault 400, 401, 403 or 404."""
        claims = self._challenge.validate(request, version_required=version_required)
        hsm = self._manager.find_live(request.headers["host"].partition(".")[0].lower())
        if hsm is None or not hsm.ready:
            raise ServiceFault(404, "ResourceNotFound", "There is no Managed HSM at this address.")
        caller = str(claims["oid"]).lower()
        if caller not in hsm.private_callers:
            self._check_network(hsm, request, caller)
        if not hsm.active and not request.url.path.startswith("/securitydomain/"):
            message = "The Managed HSM is not activated: download its security domain."
            raise ServiceFault(403, "HsmNotActivated", message)
        groups = claims.get("groups", [])
        return Visit(hsm, {caller, *(str(group).lower() for group in groups)})

    def _check_network(self, hsm: HsmResource, request: Request, caller: str) -> None:
        """Refuse who comes over the internet and may not; who comes to an address of nobody gets no answer at all."""
        way = find_way(self._manager, hsm, caller)
        if way is Way.NONE:
            note_unreachable(request)
            raise ServiceFault(403, "Forbidden", "Nobody answers there.")
        if way is Way.PUBLIC:
            _check_rules(hsm, request, by_subnet=is_admitted_by_subnet(self._manager, hsm, caller))


def _check_rules(hsm: ManagedHsm, request: Request, *, by_subnet: bool) -> None:
    address = request.client.host if request.client else ""
    rules = hsm.properties.get("networkAcls") or {}
    public = str(hsm.properties.get("publicNetworkAccess") or "Enabled").lower() == "enabled"
    allowed = str(rules.get("defaultAction") or "Allow").lower() == "allow"
    if public and (allowed or by_subnet or _is_in_rules(address, rules.get("ipRules") or [])):
        return
    message = f"Client address ({address}) is not authorized and caller is not a trusted service."
    raise ServiceFault(403, "Forbidden", message)


def _is_in_rules(address: str, rules: list[dict[str, str]]) -> bool:
    caller = ipaddress.ip_address(address)
    return any(caller in ipaddress.ip_network(rule["value"], strict=False) for rule in rules)
