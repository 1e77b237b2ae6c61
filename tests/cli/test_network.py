"""The Azure CLI connects an HSM to a virtual network: a private endpoint, and its record in a zone."""

from collections.abc import Iterator

import pytest

from local.azure.control.client import ControlClient
from local.azure.control.models import PlantedHsm
from local.azure.launch import LocalAzure
from tests.cli.conftest import GROUP, Az

pytestmark = pytest.mark.cli

ZONE = "privatelink.managedhsm.azure.net"
HSM = "cli-connected"


@pytest.fixture
def group(azure: LocalAzure) -> Iterator[str]:
    """An HSM, a virtual network, and a zone that is linked to it."""
    control = ControlClient(azure.endpoints.control_url)
    group = f"/subscriptions/{azure.endpoints.subscription_id}/resourceGroups/{GROUP}"
    control.plant_hsms(PlantedHsm(name=HSM, resource_group=GROUP))
    network = f"{group}/providers/Microsoft.Network/virtualNetworks/hub"
    subnets = [{"name": "endpoints", "properties": {"addressPrefix": "10.0.1.0/24"}}]
    control.plant_resource(network, addressSpace={"addressPrefixes": ["10.0.0.0/16"]}, subnets=subnets)
    zone = f"{group}/providers/Microsoft.Network/privateDnsZones/{ZONE}"
    control.plant_resource(zone)
    control.plant_resource(f"{zone}/virtualNetworkLinks/hub", virtualNetwork={"id": network})
    yield group
    control.forget_hsm(HSM)
    control.forget_resource(group)


def test_a_private_endpoint_with_its_record(az: Az, group: str) -> None:
    where = ("--resource-group", GROUP)
    made = az(
        *("network", "private-endpoint", "create", *where, "--name", "pe-cli", "--location", "norwayeast"),
        *("--vnet-name", "hub", "--subnet", "endpoints", "--connection-name", "to-hsm", "--group-id", "managedhsm"),
        *("--private-connection-resource-id", f"{group}/providers/Microsoft.KeyVault/managedHSMs/{HSM}"),
    )
    (link,) = made["privateLinkServiceConnections"]
    assert made["provisioningState"] == "Succeeded"
    assert link["privateLinkServiceConnectionState"]["status"] == "Approved"
    zone = ("--name", "default", "--private-dns-zone", ZONE, "--zone-name", "hsm")
    az("network", "private-endpoint", "dns-zone-group", "create", *where, "--endpoint-name", "pe-cli", *zone)
    record = az("network", "private-dns", "record-set", "a", "show", *where, "--zone-name", ZONE, "--name", HSM)
    assert record["aRecords"] == [{"ipv4Address": "10.0.1.4"}]
    az("network", "private-endpoint", "delete", *where, "--name", "pe-cli")
    assert az("keyvault", "private-endpoint-connection", "list", "--hsm-name", HSM) == []
