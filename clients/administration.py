"""Who administers an HSM, by what the HSM itself says."""

from clients import local_roles
from clients.azure_errors import our_errors
from clients.credential import own_identity
from clients.managed_hsm import send
from clients.reachability import find_obstacle
from domain.errors import RefusedByAzure
from domain.handover.giving_up import administrator_required
from domain.handover.local_roles import ADMINISTRATOR
from domain.handover.reaching import data_plane_unreachable


def administers(hsm: str) -> bool:
    """Say whether the service administers an HSM, by itself or because it belongs to a group that does.

    Only *Managed HSM Administrator* may read the settings (source: local RBAC built-in roles), and that is asked.
    Raises ServiceError `data_plane_unreachable` where the HSM's firewall refuses us.
    """
    try:
        with our_errors("show the HSM's settings"):
            send(hsm, "GET", "/settings")
    except RefusedByAzure as refusal:
        if refusal.detail.code != "azure_forbidden":
            raise
        # A firewall refuses with 403 as well, and says nothing of roles.
        obstacle = find_obstacle(hsm)
        if obstacle is not None:
            raise data_plane_unreachable(hsm, obstacle) from None
        return False
    return True


def require_administration(hsm: str) -> None:
    """Raise ServiceError `administrator_required` unless the service administers an HSM; as `administers` does."""
    if not administers(hsm):
        raise administrator_required(hsm, own_identity().object_id)


def find_administrators(hsm: str) -> frozenset[str] | None:
    """Name who administers an HSM, by their object ids; None where it does not let the service see that."""
    try:
        found = local_roles.list_assignments(hsm)
    except RefusedByAzure as refusal:
        if refusal.detail.code != "azure_forbidden":
            raise
        return None
    return frozenset(item.principal_id for item in found if (item.role, item.scope) == (ADMINISTRATOR, "/"))
