"""The private endpoints of an HSM: made, connected, and entered in a private DNS zone."""

from typing import Any, Final, NamedTuple

from pydantic import Field

from clients import upkeep
from clients.api_versions import version_of
from clients.arm import find_resource, key_vault_of, put_resource
from clients.azure_errors import our_errors, unreadable
from clients.resource_manager import find_missing_actions
from domain.handover.network import WantedEndpoint
from domain.hsm import Hsm
from domain.model import Model

_CONNECTIONS: Final = "Microsoft.KeyVault/managedHSMs/privateEndpointConnections"
APPROVING: Final = (f"{_CONNECTIONS}Approval/action", f"{_CONNECTIONS}/read", f"{_CONNECTIONS}/write")
"""What it takes to approve a connection on an HSM."""
# The name of the part of an HSM that an endpoint connects to.
_GROUP: Final = "managedhsm"
_ZONE_GROUP: Final = "default"
_CONFIG: Final = "managedhsm"


class _Reference(Model):
    """Another resource, by its id."""

    id: str


class _LinkProperties(Model):
    """What an endpoint connects to."""

    private_link_service_id: str
    group_ids: list[str] = Field(default_factory=lambda: [_GROUP])
    request_message: str = "The HSM provisioner activates the HSM over it."


class _Link(Model):
    """A connection that an endpoint asks for."""

    name: str
    properties: _LinkProperties


class _EndpointProperties(Model):
    """The properties of an endpoint; a connection that is not `manual` is approved by whoever asks for it."""

    subnet: _Reference
    private_link_service_connections: list[_Link] = Field(default_factory=list)
    manual_private_link_service_connections: list[_Link] = Field(default_factory=list)


class _Endpoint(Model):
    """The body of an endpoint."""

    location: str
    properties: _EndpointProperties


class _ZoneProperties(Model):
    """A zone in which an endpoint's name is kept."""

    private_dns_zone_id: str


class _Zone(Model):
    """A zone of a zone group."""

    name: str = _CONFIG
    properties: _ZoneProperties


class _ZoneGroupProperties(Model):
    """The properties of a zone group."""

    private_dns_zone_configs: list[_Zone]


class _ZoneGroup(Model):
    """The body of a zone group."""

    properties: _ZoneGroupProperties


class FoundEndpoint(NamedTuple):
    """A private endpoint as Azure describes it; `connection` is how its connection to an HSM stands."""

    provisioning_state: str
    subnet: str
    target: str
    connection: str

    def is_of(self, hsm_id: str) -> bool:
        """Say whether it connects to an HSM, or did before that was deleted."""
        return self.target.lower() == hsm_id.lower()

    def is_for(self, hsm_id: str, wanted: WantedEndpoint) -> bool:
        """Say whether it connects an HSM to the subnet that is wanted."""
        return self.is_of(hsm_id) and self.subnet.lower() == wanted.subnet.lower()


class FoundZoneGroup(NamedTuple):
    """The zone group of a private endpoint as Azure describes it; `zones` are the resource ids of its zones."""

    provisioning_state: str
    zones: frozenset[str]

    def keeps_in(self, zone: str) -> bool:
        """Say whether the endpoint's name is kept in a zone; in others as well is none of ours."""
        return zone.lower() in self.zones


def find_endpoint(resource_id: str) -> FoundEndpoint | None:
    """Read a private endpoint; None where there is none."""
    found = upkeep.find(resource_id)
    if found is None:
        return None
    properties = found.get("properties") or {}
    names = ("privateLinkServiceConnections", "manualPrivateLinkServiceConnections")
    links: list[dict[str, Any]] = [link for name in names for link in properties.get(name) or []]
    link = (links[0].get("properties") or {}) if links else {}
    return FoundEndpoint(
        provisioning_state=str(properties.get("provisioningState") or "Unknown"),
        subnet=str((properties.get("subnet") or {}).get("id") or ""),
        target=str(link.get("privateLinkServiceId") or ""),
        connection=str((link.get("privateLinkServiceConnectionState") or {}).get("status") or "Unknown"),
    )


def may_approve(hsm_id: str) -> bool:
    """Say whether our identity may approve connections of an HSM."""
    return not find_missing_actions(hsm_id, APPROVING)


def put_endpoint(hsm_id: str, wanted: WantedEndpoint, *, approved: bool) -> None:
    """Ask for a private endpoint and do not wait for it; without `approved` somebody else is to approve it."""
    link = _Link(name=wanted.name, properties=_LinkProperties(private_link_service_id=hsm_id))
    properties = _EndpointProperties(
        subnet=_Reference(id=wanted.subnet),
        private_link_service_connections=[link] if approved else [],
        manual_private_link_service_connections=[] if approved else [link],
    )
    body = _Endpoint(location=_find_location(wanted.network), properties=properties)
    put_resource(wanted.resource_id, version_of(wanted.resource_id), body.model_dump(mode="json", by_alias=True))


def approve(hsm: Hsm, endpoint_id: str) -> None:
    """Approve the connection of a private endpoint on the HSM, where there is one that waits for that."""
    from azure.mgmt.keyvault import models

    state = models.MHSMPrivateLinkServiceConnectionState(
        status="Approved", description="Approved by the HSM provisioner."
    )
    body = models.MHSMPrivateEndpointConnection(
        properties=models.MHSMPrivateEndpointConnectionProperties(private_link_service_connection_state=state)
    )
    _, _, subscription_id, _, group, *_ = hsm.resource_id.split("/")
    connections = key_vault_of(subscription_id).mhsm_private_endpoint_connections
    with our_errors("approve the private endpoint's connection"):
        for connection in connections.list_by_resource(group, hsm.name):
            endpoint = connection.properties.private_endpoint if connection.properties else None
            if endpoint is None or (endpoint.id or "").lower() != endpoint_id.lower():
                continue
            connections.put(group, hsm.name, str(connection.name), body)


def find_zone_group(endpoint_id: str) -> FoundZoneGroup | None:
    """Read the zone group of an endpoint that has the name of ours; None where there is none."""
    found = upkeep.find(_zone_group_id(endpoint_id))
    if found is None:
        return None
    properties = found.get("properties") or {}
    configs = [config.get("properties") or {} for config in properties.get("privateDnsZoneConfigs") or []]
    return FoundZoneGroup(
        provisioning_state=str(properties.get("provisioningState") or "Unknown"),
        zones=frozenset(str(config.get("privateDnsZoneId") or "").lower() for config in configs),
    )


def put_zone_group(endpoint_id: str, zone: str) -> None:
    """Ask for the endpoint's name to be kept in a zone, and do not wait for it."""
    place = _zone_group_id(endpoint_id)
    configs = [_Zone(properties=_ZoneProperties(private_dns_zone_id=zone))]
    body = _ZoneGroup(properties=_ZoneGroupProperties(private_dns_zone_configs=configs))
    put_resource(place, version_of(place), body.model_dump(mode="json", by_alias=True))


def remove_zone_group(endpoint_id: str) -> None:
    """Have the endpoint's name taken out of its zones, and do not wait for it."""
    upkeep.remove(_zone_group_id(endpoint_id))


def _zone_group_id(endpoint_id: str) -> str:
    return f"{endpoint_id}/privateDnsZoneGroups/{_ZONE_GROUP}"


def _find_location(network: str) -> str:
    """Read where a virtual network is: its endpoints must be there, too."""
    found = find_resource(network, version_of(network)) or {}
    location = found.get("location")
    if not isinstance(location, str):
        raise unreadable("read the virtual network")
    return location
