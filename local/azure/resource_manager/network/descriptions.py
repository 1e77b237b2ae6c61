"""How Microsoft.Network writes virtual networks and subnets."""

from typing import Any

from local.azure.resource_manager.neighbours import Neighbours
from local.azure.resource_manager.network.private_endpoints import PrivateEndpoint
from local.azure.resource_manager.network.virtual_networks import Subnet, VirtualNetwork, list_subnets


def describe_network(neighbours: Neighbours, network: VirtualNetwork) -> dict[str, Any]:
    """Write a virtual network with its subnets."""
    return network.describe_head() | {
        "etag": network.etag,
        "properties": {
            "provisioningState": network.state,
            "resourceGuid": network.guid,
            "addressSpace": {"addressPrefixes": network.address_prefixes},
            "subnets": [describe_subnet(neighbours, subnet) for subnet in list_subnets(neighbours, network)],
            "virtualNetworkPeerings": [],
            "enableDdosProtection": False,
        },
    }


def describe_subnet(neighbours: Neighbours, subnet: Subnet) -> dict[str, Any]:
    """Write a subnet with the private endpoints in it."""
    network = neighbours.require(VirtualNetwork, subnet.network_id)
    written = subnet.properties
    document: dict[str, Any] = {
        "provisioningState": subnet.state,
        "serviceEndpoints": [
            {"provisioningState": "Succeeded", "service": endpoint.service, "locations": [network.location]}
            for endpoint in written.service_endpoints
        ],
        "delegations": [
            _describe_delegation(subnet, item.name, item.properties.service_name) for item in written.delegations
        ],
        "privateEndpointNetworkPolicies": written.private_endpoint_network_policies,
        "privateLinkServiceNetworkPolicies": written.private_link_service_network_policies,
    }
    if written.address_prefixes:
        document["addressPrefixes"] = written.address_prefixes
    else:
        document["addressPrefix"] = subnet.prefixes[0]
    endpoints = [item.id for item in neighbours.list(PrivateEndpoint) if item.subnet_id == subnet.id]
    if endpoints:
        document["privateEndpoints"] = [{"id": identifier} for identifier in endpoints]
    return subnet.describe_head() | {"etag": subnet.etag, "properties": document}


def _describe_delegation(subnet: Subnet, name: str, service: str) -> dict[str, Any]:
    return {
        "name": name,
        "id": f"{subnet.id}/delegations/{name}",
        "type": "Microsoft.Network/virtualNetworks/subnets/delegations",
        "properties": {"provisioningState": "Succeeded", "serviceName": service, "actions": []},
    }
