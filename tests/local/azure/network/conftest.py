"""A virtual network with two subnets, a zone that it is linked to, and an HSM that is provisioned."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from azure.core.credentials import TokenCredential
from azure.identity import ClientSecretCredential

from local.azure.control.client import ControlClient
from local.azure.control.models import MadeApplication, PlantedHsm
from local.azure.launch import LocalAzure
from local.azure.resource_manager.roles import Role
from tests.local.azure.conftest import ARM, send

ZONE = "privatelink.managedhsm.azure.net"
_NUMBERS = itertools.count(1)


def code(response: requests.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


@dataclass
class Caller:
    """An application with a role, and what it asks of ARM."""

    made: MadeApplication
    credential: TokenCredential

    def __call__(self, method: str, path: str, body: dict[str, Any] | None = None) -> requests.Response:
        return send(self.credential, method, path if path.startswith(ARM) else f"{ARM}{path}", body)


@dataclass
class Net:
    """Where everything is, by its id."""

    group: str
    hsm_id: str
    hsm: str
    location: str = "norwayeast"
    endpoints: list[str] = field(default_factory=list)

    @property
    def network(self) -> str:
        return f"{self.group}/providers/Microsoft.Network/virtualNetworks/hub"

    @property
    def subnet(self) -> str:
        return f"{self.network}/subnets/endpoints"

    @property
    def functions(self) -> str:
        """The subnet that an app comes from."""
        return f"{self.network}/subnets/functions"

    @property
    def zone(self) -> str:
        return f"{self.group}/providers/Microsoft.Network/privateDnsZones/{ZONE}"

    @property
    def endpoint(self) -> str:
        return f"{self.group}/providers/Microsoft.Network/privateEndpoints/pe-hsm"

    def body(self, *, manual: bool = False, **changes: Any) -> dict[str, Any]:
        """Write the body of an endpoint's PUT."""
        asked = {"privateLinkServiceId": self.hsm_id, "groupIds": ["managedhsm"], **changes.pop("link", {})}
        kind = "manualPrivateLinkServiceConnections" if manual else "privateLinkServiceConnections"
        properties = {"subnet": {"id": self.subnet}, kind: [{"name": "to-hsm", "properties": asked}], **changes}
        return {"location": self.location, "properties": properties}

    def zone_group(self, zone: str = "") -> dict[str, Any]:
        config = {"name": "hsm", "properties": {"privateDnsZoneId": zone or self.zone}}
        return {"properties": {"privateDnsZoneConfigs": [config]}}


@pytest.fixture
def net(azure: LocalAzure, control: ControlClient) -> Iterator[Net]:
    number = next(_NUMBERS)
    group = f"/subscriptions/{azure.endpoints.subscription_id}/resourceGroups/rg-net-{number}"
    name = f"net-hsm-{number}"
    net = Net(group, f"{group}/providers/Microsoft.KeyVault/managedHSMs/{name}", name)
    control.plant_hsms(PlantedHsm(name=name, resource_group=f"rg-net-{number}", state="NotActivated"))
    control.plant_resource(
        net.network,
        addressSpace={"addressPrefixes": ["10.1.0.0/16"]},
        subnets=[
            {"name": "endpoints", "properties": {"addressPrefix": "10.1.1.0/29"}},
            {
                "name": "functions",
                "properties": {
                    "addressPrefixes": ["10.1.2.0/24"],
                    "serviceEndpoints": [{"service": "Microsoft.KeyVault"}],
                    "delegations": [{"name": "app", "properties": {"serviceName": "Microsoft.App/environments"}}],
                },
            },
        ],
    )
    control.plant_resource(net.zone)
    yield net
    control.change_timing(network_seconds=0)
    control.forget_resource(group)


@pytest.fixture
def linked(net: Net, control: ControlClient) -> Net:
    """The same, with the zone linked to the virtual network."""
    control.plant_resource(f"{net.zone}/virtualNetworkLinks/hub", virtualNetwork={"id": net.network})
    return net


@pytest.fixture
def sign_in(azure: LocalAzure, control: ControlClient, net: Net) -> Iterator[Callable[..., Caller]]:
    """Make callers with a role on the resource group, or elsewhere."""
    credentials: list[ClientSecretCredential] = []

    def make(role: Role | None = "Contributor", scope: str = "") -> Caller:
        made = control.create_application("a caller", {})
        if role is not None:
            control.change_role(made.object_id, scope or net.group, role)
        credential = ClientSecretCredential(azure.endpoints.tenant_id, made.client_id, made.client_secret)
        credentials.append(credential)
        return Caller(made, credential)

    yield make
    for credential in credentials:
        credential.close()


@pytest.fixture
def caller(sign_in: Callable[..., Caller]) -> Caller:
    return sign_in()
