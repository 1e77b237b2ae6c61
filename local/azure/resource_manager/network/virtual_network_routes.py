"""Virtual networks and subnets as resources."""

from typing import Final

from starlette.responses import JSONResponse, Response

from local.azure.resource_manager.calls import GROUP, Call, HandlerRoute, at, perform
from local.azure.resource_manager.network.bodies import SubnetBody, VirtualNetworkBody
from local.azure.resource_manager.network.descriptions import describe_network, describe_subnet
from local.azure.resource_manager.network.virtual_networks import (
    Subnet,
    VirtualNetwork,
    list_subnets,
    put_network,
    put_subnet,
)

_NETWORKS: Final = GROUP + "/providers/Microsoft.Network/virtualNetworks"
_NETWORK: Final = _NETWORKS + "/{network}"
_SUBNET: Final = _NETWORK + "/subnets/{subnet}"
_ACTION: Final = "Microsoft.Network/virtualNetworks"


async def put_virtual_network(call: Call) -> Response:
    """Create a virtual network, or change it; subnets that the body does not name stay.

    Leaves out: deletion, peerings (all virtual networks reach each other), DNS servers, DHCP options, and the time that
    it takes.
    """
    call.find_group()
    known = call.manager.neighbours.find(VirtualNetwork, call.scope)
    network = put_network(call.manager.neighbours, call.scope, await call.read(VirtualNetworkBody))
    body = describe_network(call.manager.neighbours, network)
    return JSONResponse(body, status_code=200 if known else 201)


async def get_virtual_network(call: Call) -> Response:
    """Give a virtual network with its subnets."""
    network = call.manager.neighbours.require(VirtualNetwork, call.scope)
    return JSONResponse(describe_network(call.manager.neighbours, network))


async def list_virtual_networks(call: Call) -> Response:
    """List the virtual networks of a resource group."""
    call.find_group()
    networks = call.manager.neighbours.list(VirtualNetwork, call.scope)
    return call.respond_with_page([describe_network(call.manager.neighbours, network) for network in networks])


async def put_virtual_subnet(call: Call) -> Response:
    """Create a subnet, or change it.

    Leaves out: deletion, network security groups, route tables, NAT gateways, and the time that it takes.
    """
    known = call.manager.neighbours.find(Subnet, call.scope)
    subnet = put_subnet(call.manager.neighbours, call.scope, await call.read(SubnetBody))
    return JSONResponse(describe_subnet(call.manager.neighbours, subnet), status_code=200 if known else 201)


async def get_virtual_subnet(call: Call) -> Response:
    """Give a subnet with its service endpoints, its delegations and its private endpoints."""
    subnet = call.manager.neighbours.require(Subnet, call.scope)
    return JSONResponse(describe_subnet(call.manager.neighbours, subnet))


async def list_virtual_subnets(call: Call) -> Response:
    """List the subnets of a virtual network."""
    neighbours = call.manager.neighbours
    network = neighbours.require(VirtualNetwork, call.scope)
    return call.respond_with_page([describe_subnet(neighbours, item) for item in list_subnets(neighbours, network)])


ROUTES: Final[tuple[HandlerRoute, ...]] = (
    ("GET", _NETWORKS, perform(f"{_ACTION}/read", list_virtual_networks)),
    ("PUT", _NETWORK, at(_NETWORK, perform(f"{_ACTION}/write", put_virtual_network))),
    ("GET", _NETWORK, at(_NETWORK, perform(f"{_ACTION}/read", get_virtual_network))),
    ("GET", _NETWORK + "/subnets", at(_NETWORK, perform(f"{_ACTION}/subnets/read", list_virtual_subnets))),
    ("PUT", _SUBNET, at(_SUBNET, perform(f"{_ACTION}/subnets/write", put_virtual_subnet))),
    ("GET", _SUBNET, at(_SUBNET, perform(f"{_ACTION}/subnets/read", get_virtual_subnet))),
)
