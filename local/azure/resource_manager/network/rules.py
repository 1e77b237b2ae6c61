"""The subnets that an HSM's firewall admits: they must be there, and have the service endpoint."""

from typing import Final

from local.azure.core.errors import ServiceFault
from local.azure.resource_manager.bodies import HsmUpdate
from local.azure.resource_manager.calls import Call
from local.azure.resource_manager.network.virtual_networks import KEY_VAULT, Subnet

_JOIN: Final = "Microsoft.Network/virtualNetworks/subnets/joinViaServiceEndpoint/action"


def check_subnet_rules(call: Call, body: HsmUpdate) -> None:
    """Refuse subnets that are not there, have no service endpoint or are not the caller's; raises ServiceFault.

    The words for a missing service endpoint are Azure's (source: Azure/avdaccelerator issue 818); those for a missing
    subnet are an assumption.
    """
    rules = body.properties.network_acls.virtual_network_rules if body.properties.network_acls else []
    for rule in rules:
        call.require_linked("Microsoft.KeyVault/managedHSMs/write", rule.id, _JOIN)
        subnet = call.manager.neighbours.find(Subnet, rule.id)
        if subnet is None:
            raise ServiceFault(400, "VirtualNetworkNotFound", f"The subnet '{rule.id}' was not found.")
        if not subnet.reaches(KEY_VAULT):
            raise ServiceFault(400, "SubnetsHaveNoServiceEndpointsConfigured", _describe_missing_endpoint(subnet))


def _describe_missing_endpoint(subnet: Subnet) -> str:
    return (
        f"Subnets {subnet.name} of virtual network {subnet.network_id} do not have ServiceEndpoints for {KEY_VAULT} "
        f"resources configured. Add {KEY_VAULT} to subnet's ServiceEndpoints collection before trying to ACL "
        f"{KEY_VAULT} resources to these subnets.."
    )
