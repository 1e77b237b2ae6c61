"""Private endpoints, and their network interfaces, as resources."""

from typing import Any, Final

from starlette.responses import JSONResponse, Response

from local.azure.core.errors import ServiceFault
from local.azure.resource_manager.calls import GROUP, SUBSCRIPTION, Call, HandlerRoute, at, perform
from local.azure.resource_manager.neighbours import not_found
from local.azure.resource_manager.network.bodies import EndpointBody
from local.azure.resource_manager.network.operations import respond
from local.azure.resource_manager.network.private_dns import ZoneGroup
from local.azure.resource_manager.network.private_endpoints import (
    PrivateEndpoint,
    make_endpoint,
    read_link,
    read_state,
    remove_endpoint,
    require_subnet,
    require_target,
)

_KIND: Final = "/providers/Microsoft.Network/privateEndpoints"
_ENDPOINT: Final = GROUP + _KIND + "/{endpoint}"
_INTERFACE: Final = GROUP + "/providers/Microsoft.Network/networkInterfaces/{interface}"
_ACTION: Final = "Microsoft.Network/privateEndpoints"
_JOIN: Final = "Microsoft.Network/virtualNetworks/subnets/join/action"
_APPROVE: Final = "Microsoft.KeyVault/managedHSMs/privateEndpointConnectionsApproval/action"


async def put_endpoint(call: Call) -> Response:
    """Create a private endpoint of an HSM, by who may join the subnet and, unless `manual...`, approve the connection.

    Leaves out: targets that are no HSMs, addresses that the caller chooses, application security groups, edge zones,
    and a move to another subnet, which is not looked at.

    Assumes: an HSM that is not there is 400 `InvalidResourceReference`, as a subnet is; one that is not provisioned is
    400 `BadRequest`; the same again changes the tags, and does not connect anew what the HSM has disconnected; other
    than one connection is 400 `InvalidRequestFormat`; what is being deleted is 409 `AnotherOperationInProgress`; the
    name of the connection at the HSM.
    """
    body = await call.read(EndpointBody)
    if call.find_group().deletion is not None:
        message = (
            f"The resource group '{call.path('group')}' is in deprovisioning state and cannot perform this operation."
        )
        raise ServiceFault(409, "ResourceGroupBeingDeleted", message)
    manager, known = call.manager, call.manager.neighbours.find(PrivateEndpoint, call.scope)
    subnet = require_subnet(manager.neighbours, call.scope, body)
    call.require_linked(f"{_ACTION}/write", subnet.id, _JOIN)
    link, manual = read_link(call.scope, body)
    if known is not None:
        _require_same(known, body)
        known.tags, endpoint = body.tags, known
    else:
        hsm = require_target(manager, call.scope, link)
        if not manual:
            call.require_linked(f"{_ACTION}/write", hsm.resource_id, _APPROVE)
        endpoint = make_endpoint(manager.neighbours, call.scope, body, subnet, hsm)
    under_way = None if endpoint.state == "Failed" else endpoint.progress
    # What is connected stays so while the same is asked for again.
    endpoint.progress = under_way or manager.begin_connecting()
    operation = manager.begin_operation(call.subscription.id, endpoint.location, endpoint.progress)
    return respond(call, operation, 201 if known is None else 200, describe_endpoint(call, endpoint))


async def get_endpoint(call: Call) -> Response:
    """Give a private endpoint, with the state of its connection.

    Assumes: once it has a zone group `customDnsConfigs` is empty, as in what people show of theirs; the zone group and
    the network interface have the address then.
    """
    return JSONResponse(describe_endpoint(call, _find(call)))


async def list_endpoints(call: Call) -> Response:
    """List the private endpoints of a resource group, or of the subscription."""
    if "group" in call.request.path_params:
        call.find_group()
    endpoints = call.manager.neighbours.list(PrivateEndpoint, call.scope)
    return call.respond_with_page([describe_endpoint(call, endpoint) for endpoint in endpoints])


async def delete_endpoint(call: Call) -> Response:
    """Delete a private endpoint with its zone group, its records and its connection; 204 where there is none."""
    endpoint = call.manager.neighbours.find(PrivateEndpoint, call.scope)
    if endpoint is None:
        return Response(status_code=204)
    manager = call.manager
    if endpoint.deletion is None:
        seconds = manager.timing.network_seconds
        endpoint.deletion = manager.begin("Deleting", seconds, lambda: remove_endpoint(manager, endpoint))
    operation = manager.begin_operation(call.subscription.id, endpoint.location, endpoint.deletion)
    return respond(call, operation, 202)


async def get_interface(call: Call) -> Response:
    """Give the network interface of a private endpoint, with its address.

    Leaves out: all other interfaces.
    """
    every = call.manager.neighbours.list(PrivateEndpoint)
    found = next((item for item in every if item.interface_id.lower() == call.scope.lower()), None)
    if found is None:
        raise not_found("Microsoft.Network/networkInterfaces", call.scope)
    return JSONResponse(_describe_interface(found))


def describe_endpoint(call: Call, endpoint: PrivateEndpoint) -> dict[str, Any]:
    """Write a private endpoint."""
    manual = endpoint.manual
    link = {
        "name": endpoint.link_name,
        "id": f"{endpoint.id}/privateLinkServiceConnections/{endpoint.link_name}",
        "etag": endpoint.etag,
        "type": f"{_ACTION}/{'manualPrivateLinkServiceConnections' if manual else 'privateLinkServiceConnections'}",
        "properties": {
            "provisioningState": "Succeeded",
            "privateLinkServiceId": endpoint.target_id,
            "groupIds": [endpoint.group_id],
            "requestMessage": endpoint.request_message,
            "privateLinkServiceConnectionState": read_state(call.manager, endpoint).model_dump(by_alias=True),
        },
    }
    has_group = bool(call.manager.neighbours.list(ZoneGroup, endpoint.id))
    custom = [] if has_group else [{"fqdn": endpoint.fqdn, "ipAddresses": [endpoint.address]}]
    return endpoint.describe_head() | {
        "etag": endpoint.etag,
        "properties": {
            "provisioningState": endpoint.state,
            "resourceGuid": endpoint.guid,
            "privateLinkServiceConnections": [] if manual else [link],
            "manualPrivateLinkServiceConnections": [link] if manual else [],
            "customNetworkInterfaceName": endpoint.custom_interface_name,
            "subnet": {"id": endpoint.subnet_id},
            "ipConfigurations": [],
            "networkInterfaces": [{"id": endpoint.interface_id}],
            "customDnsConfigs": custom,
        },
    }


def _describe_interface(endpoint: PrivateEndpoint) -> dict[str, Any]:
    return {
        "name": endpoint.interface_name,
        "id": endpoint.interface_id,
        "type": "Microsoft.Network/networkInterfaces",
        "location": endpoint.location,
        "properties": {
            "provisioningState": "Succeeded",
            "privateEndpoint": {"id": endpoint.id},
            "ipConfigurations": [
                {
                    "name": f"privateEndpointIpConfig.{endpoint.guid}",
                    "properties": {
                        "provisioningState": "Succeeded",
                        "privateIPAddress": endpoint.address,
                        "privateIPAllocationMethod": "Dynamic",
                        "subnet": {"id": endpoint.subnet_id},
                        "primary": True,
                        "privateIPAddressVersion": "IPv4",
                        "privateLinkConnectionProperties": {
                            "groupId": endpoint.group_id,
                            "requiredMemberName": "default",
                            "fqdns": [endpoint.fqdn],
                        },
                    },
                }
            ],
        },
    }


def _require_same(endpoint: PrivateEndpoint, body: EndpointBody) -> None:
    """Refuse to make another endpoint of one (source: Azure/bicep-registry-modules issue 7285)."""
    if endpoint.deletion is not None:
        message = f"Another operation on this or dependent resource is in progress: {endpoint.id}."
        raise ServiceFault(409, "AnotherOperationInProgress", message)
    link, manual = read_link(endpoint.id, body)
    if not endpoint.is_for(link, manual=manual):
        message = (
            f"Cannot change the private link connection on private endpoint {endpoint.id}. Please ensure you are not "
            "updating the details of existing private link connection: "
            f"'{endpoint.id}/privateLinkServiceConnections/{endpoint.link_name}'. That is not allowed."
        )
        raise ServiceFault(400, "CannotChangePrivateLinkConnectionOnPrivateEndpoint", message)


def _find(call: Call) -> PrivateEndpoint:
    return call.manager.neighbours.require(PrivateEndpoint, call.scope)


ROUTES: Final[tuple[HandlerRoute, ...]] = (
    ("GET", SUBSCRIPTION + _KIND, perform(f"{_ACTION}/read", list_endpoints)),
    ("GET", GROUP + _KIND, perform(f"{_ACTION}/read", list_endpoints)),
    ("PUT", _ENDPOINT, at(_ENDPOINT, perform(f"{_ACTION}/write", put_endpoint))),
    ("GET", _ENDPOINT, at(_ENDPOINT, perform(f"{_ACTION}/read", get_endpoint))),
    ("DELETE", _ENDPOINT, at(_ENDPOINT, perform(f"{_ACTION}/delete", delete_endpoint))),
    ("GET", _INTERFACE, at(_INTERFACE, perform("Microsoft.Network/networkInterfaces/read", get_interface))),
)
