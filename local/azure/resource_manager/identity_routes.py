"""User-assigned identities: Microsoft.ManagedIdentity."""

from typing import Any, Final

from starlette.responses import JSONResponse, Response

from local.azure.core.errors import ServiceFault
from local.azure.entra.models import ManagedIdentity
from local.azure.resource_manager.bodies import IdentityBody
from local.azure.resource_manager.calls import GROUP, Call, Handler, perform

_IDENTITY: Final = GROUP + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{identity}"
_ACTION: Final = "Microsoft.ManagedIdentity/userAssignedIdentities"


async def put_identity(call: Call) -> Response:
    """Create a user-assigned identity; the same again changes nothing.

    Leaves out: tags, updates and deletion.
    """
    body = await call.read(IdentityBody)
    resource_id = _resource_id(call)
    existing = call.manager.directory.find_identity(resource_id=resource_id)
    identity = existing or call.manager.directory.add_identity(
        ManagedIdentity(call.path("identity"), resource_id=resource_id, location=body.location)
    )
    return JSONResponse(_describe(call, identity), status_code=200 if existing else 201)


async def get_identity(call: Call) -> Response:
    """Give a user-assigned identity."""
    identity = call.manager.directory.find_identity(resource_id=_resource_id(call))
    if identity is None:
        raise ServiceFault(404, "ResourceNotFound", f"The identity '{call.path('identity')}' was not found.")
    return JSONResponse(_describe(call, identity))


def _resource_id(call: Call) -> str:
    provider = "providers/Microsoft.ManagedIdentity/userAssignedIdentities"
    call.find_group()
    return f"{call.scope}/{provider}/{call.path('identity')}"


def _describe(call: Call, identity: ManagedIdentity) -> dict[str, Any]:
    return {
        "id": identity.resource_id,
        "name": identity.display_name,
        "type": _ACTION,
        "location": identity.location,
        "tags": {},
        "properties": {
            "tenantId": call.subscription.tenant_id,
            "principalId": identity.object_id,
            "clientId": identity.client_id,
        },
    }


ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("PUT", _IDENTITY, perform(f"{_ACTION}/write", put_identity)),
    ("GET", _IDENTITY, perform(f"{_ACTION}/read", get_identity)),
)
