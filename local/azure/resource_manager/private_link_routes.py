"""Private endpoint connections of HSMs, and what they connect to."""

import uuid
from typing import Final

from starlette.responses import JSONResponse, Response

from local.azure.core.errors import ServiceFault
from local.azure.resource_manager.bodies import ConnectionBody
from local.azure.resource_manager.calls import HSM, Call, Handler, perform
from local.azure.resource_manager.descriptions import describe_connection, describe_link_resource
from local.azure.resource_manager.hsm_resource import PrivateEndpointConnection

_CONNECTIONS: Final = HSM + "/privateEndpointConnections"
_ACTION: Final = "Microsoft.KeyVault/managedHSMs/privateEndpointConnections"


async def list_connections(call: Call) -> Response:
    """List the private endpoint connections of an HSM."""
    hsm = call.find_hsm()
    return JSONResponse({"value": [describe_connection(hsm, item) for item in hsm.connections.values()]})


async def get_connection(call: Call) -> Response:
    """Give a private endpoint connection."""
    return JSONResponse(describe_connection(call.find_hsm(), _find_connection(call)))


async def put_connection(call: Call) -> Response:
    """Approve or reject a private endpoint connection.

    Leaves out: private endpoints that are not here, as those of another tenant: a PUT of a connection that is not there
    makes one of such an endpoint.
    """
    hsm, name = call.find_hsm(), call.path("connection")
    body = (await call.read(ConnectionBody)).properties
    existing = hsm.connections.get(name.lower())
    network = f"/subscriptions/{call.subscription.id}/resourceGroups/{hsm.resource_group}/providers/Microsoft.Network"
    asked = body.private_endpoint.id if body.private_endpoint else f"{network}/privateEndpoints/{name}"
    connection = PrivateEndpointConnection(
        name=existing.name if existing else name,
        private_endpoint_id=existing.private_endpoint_id if existing else asked,
        state=body.private_link_service_connection_state,
        etag=uuid.uuid4().hex,
    )
    hsm.connections[name.lower()] = connection
    return JSONResponse(describe_connection(hsm, connection))


async def delete_connection(call: Call) -> Response:
    """Delete a private endpoint connection; 204 where there is none."""
    hsm = call.find_hsm()
    connection = hsm.connections.pop(call.path("connection").lower(), None)
    return JSONResponse(describe_connection(hsm, connection)) if connection else Response(status_code=204)


async def list_link_resources(call: Call) -> Response:
    """List what a private endpoint can connect to.

    Assumes: the action that the caller needs.
    """
    return JSONResponse({"value": [describe_link_resource(call.find_hsm())]})


def _find_connection(call: Call) -> PrivateEndpointConnection:
    connection = call.find_hsm().connections.get(call.path("connection").lower())
    if connection is None:
        message = f"There is no private endpoint connection '{call.path('connection')}'."
        raise ServiceFault(404, "ResourceNotFound", message)
    return connection


ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", _CONNECTIONS, perform(f"{_ACTION}/read", list_connections)),
    ("GET", _CONNECTIONS + "/{connection}", perform(f"{_ACTION}/read", get_connection)),
    ("PUT", _CONNECTIONS + "/{connection}", perform(f"{_ACTION}/write", put_connection)),
    ("DELETE", _CONNECTIONS + "/{connection}", perform(f"{_ACTION}/delete", delete_connection)),
    (
        "GET",
        HSM + "/privateLinkResources",
        perform("Microsoft.KeyVault/managedHSMs/privateLinkResources/read", list_link_resources),
    ),
)
