"""Private DNS zones, their links to virtual networks, and the records that zone groups keep in them."""

from dataclasses import dataclass
from typing import Any, ClassVar, Final, NamedTuple

from local.azure.core.errors import ServiceFault
from local.azure.resource_manager.neighbours import Neighbour, Neighbours
from local.azure.resource_manager.network.bodies import ZoneConfig, ZoneGroupBody
from local.azure.resource_manager.network.private_endpoints import PrivateEndpoint

HSM_ZONE: Final = "privatelink.managedhsm.azure.net"
_TIME_TO_LIVE: Final = 10


@dataclass(kw_only=True)
class PrivateDnsZone(Neighbour):
    """A zone that only the virtual networks know which it is linked to."""

    kind: ClassVar[str] = "Microsoft.Network/privateDnsZones"


@dataclass(kw_only=True)
class ZoneLink(Neighbour):
    """A link of a zone to a virtual network."""

    kind: ClassVar[str] = "Microsoft.Network/privateDnsZones/virtualNetworkLinks"

    network_id: str
    registration: bool
    resolution_policy: str

    @property
    def zone_id(self) -> str:
        """The id of its zone."""
        return self.id.rsplit("/", 2)[0]


@dataclass(kw_only=True)
class ZoneGroup(Neighbour):
    """What keeps the records of a private endpoint in zones."""

    kind: ClassVar[str] = "Microsoft.Network/privateEndpoints/privateDnsZoneGroups"

    configs: list[ZoneConfig]

    @property
    def endpoint_id(self) -> str:
        """The id of its private endpoint."""
        return self.id.rsplit("/", 2)[0]

    def keeps_records_in(self, zone: PrivateDnsZone) -> bool:
        """Say whether a zone is one of its own."""
        return zone.id.lower() in self.zones.values()

    def exchanges_a_zone_of(self, known: "ZoneGroup | None") -> bool:
        """Say whether a config of the group that is there names another zone in this one."""
        before = known.zones if known else {}
        return any(before.get(name, zone) != zone for name, zone in self.zones.items())

    @property
    def zones(self) -> dict[str, str]:
        """The ids of its zones, by the names of their configs, all in lower case."""
        return {config.name.lower(): config.properties.private_dns_zone_id.lower() for config in self.configs}


class Record(NamedTuple):
    """A name in a zone, and the private endpoint whose address it gives."""

    name: str
    endpoint: PrivateEndpoint


def list_records(neighbours: Neighbours, zone: PrivateDnsZone) -> list[Record]:
    """List the records of a zone; of two for one HSM the newer is left.

    A zone of another name than the private link's has none.
    """
    if zone.name.lower() != HSM_ZONE:
        return []
    records: dict[str, Record] = {}
    for group in neighbours.list(ZoneGroup):
        endpoint = neighbours.find(PrivateEndpoint, group.endpoint_id)
        if endpoint is not None and group.ready and group.keeps_records_in(zone):
            records[endpoint.target_name] = Record(endpoint.target_name, endpoint)
    return list(records.values())


def put_zone_group(
    neighbours: Neighbours, endpoint: PrivateEndpoint, identifier: str, body: ZoneGroupBody
) -> ZoneGroup:
    """Make a zone group, or change it; raises ServiceFault 400.

    One endpoint has one at most (source: pulumi/pulumi-azure-native issue 2179, but for the code), and no other zone
    takes the place of one (source: hashicorp/terraform-provider-azurerm issue 27559, but for the code).
    """
    others = [item for item in neighbours.list(ZoneGroup, endpoint.id) if item.id.lower() != identifier.lower()]
    if others:
        message = f"Cannot create more than one private dns zone groups in the private endpoint {endpoint.id}."
        raise ServiceFault(400, "MoreThanOnePrivateDnsZoneGroupPerPrivateEndpointNotAllowed", message)
    configs = body.properties.private_dns_zone_configs
    zones = [config.properties.private_dns_zone_id for config in configs]
    unknown = [zone for zone in zones if neighbours.find(PrivateDnsZone, zone) is None]
    if unknown:
        message = f"Private Dns Zone group {identifier} has invalid private dns zone ids {', '.join(unknown)}."
        raise ServiceFault(400, "InvalidPrivateDnsZoneIds", message)
    group = ZoneGroup(id=identifier, configs=configs)
    if group.exchanges_a_zone_of(neighbours.find(ZoneGroup, identifier)):
        message = f"The private dns zone of a config of the private dns zone group {identifier} cannot be changed."
        raise ServiceFault(400, "PrivateDnsZoneIdCannotBeChanged", message)
    neighbours.put(group)
    return group


def put_link(neighbours: Neighbours, link: ZoneLink) -> None:
    """Make a link, or change it; raises ServiceFault 400.

    The words of the refusal are Azure's (source: Azure/ARO-RP issue 796).
    """
    for other in neighbours.list(ZoneLink):
        same_network = other.network_id.lower() == link.network_id.lower()
        names = [item.zone_id.rpartition("/")[2] for item in (other, link)]
        if same_network and other.id.lower() != link.id.lower() and names[0].lower() == names[1].lower():
            message = (
                "A virtual network cannot be linked to multiple zones with overlapping namespaces. You tried to link "
                f"virtual network with '{names[0]}' and '{names[1]}' zones."
            )
            raise ServiceFault(400, "BadRequest", message)
    neighbours.put(link)


def describe_zone(neighbours: Neighbours, zone: PrivateDnsZone) -> dict[str, Any]:
    """Write a zone; its SOA record counts as one."""
    return zone.describe_head() | {
        "etag": zone.etag,
        "properties": {
            "provisioningState": zone.state,
            "numberOfRecordSets": 1 + len(list_records(neighbours, zone)),
            "maxNumberOfRecordSets": 25000,
            "numberOfVirtualNetworkLinks": len(neighbours.list(ZoneLink, zone.id)),
            "maxNumberOfVirtualNetworkLinks": 1000,
            "numberOfVirtualNetworkLinksWithRegistration": 0,
            "maxNumberOfVirtualNetworkLinksWithRegistration": 100,
        },
    }


def describe_link(link: ZoneLink) -> dict[str, Any]:
    """Write a link."""
    return link.describe_head() | {
        "etag": link.etag,
        "properties": {
            "provisioningState": link.state,
            "virtualNetworkLinkState": "Completed" if link.ready else "InProgress",
            "registrationEnabled": link.registration,
            "resolutionPolicy": link.resolution_policy,
            "virtualNetwork": {"id": link.network_id},
        },
    }


def describe_record(zone: PrivateDnsZone, record: Record) -> dict[str, Any]:
    """Write an A record set as a zone group makes it."""
    endpoint = record.endpoint
    creator = f"created by private endpoint {endpoint.name} with resource guid {endpoint.guid}"
    return {
        "id": f"{zone.id}/A/{record.name}",
        "name": record.name,
        "type": "Microsoft.Network/privateDnsZones/A",
        "etag": endpoint.guid,
        "properties": {
            "metadata": {"creator": creator},
            "fqdn": f"{record.name}.{zone.name}.",
            "ttl": _TIME_TO_LIVE,
            "aRecords": [{"ipv4Address": endpoint.address}],
            "isAutoRegistered": False,
        },
    }


def describe_zone_group(neighbours: Neighbours, group: ZoneGroup) -> dict[str, Any]:
    """Write a zone group with the records that it keeps."""
    endpoint = neighbours.require(PrivateEndpoint, group.endpoint_id)
    return group.describe_head() | {
        "etag": group.etag,
        "properties": {
            "provisioningState": group.state,
            "privateDnsZoneConfigs": [_describe_config(group, config, endpoint) for config in group.configs],
        },
    }


def _describe_config(group: ZoneGroup, config: ZoneConfig, endpoint: PrivateEndpoint) -> dict[str, Any]:
    zone = config.properties.private_dns_zone_id
    record = {
        "recordType": "A",
        "recordSetName": endpoint.target_name,
        "fqdn": f"{endpoint.target_name}.{HSM_ZONE}",
        "ttl": _TIME_TO_LIVE,
        "provisioningState": group.state,
        "ipAddresses": [endpoint.address],
    }
    makes_record = zone.rpartition("/")[2].lower() == HSM_ZONE
    return {
        "name": config.name,
        "id": f"{group.id}/privateDnsZoneConfigs/{config.name}",
        "type": f"{group.kind}/privateDnsZoneConfigs",
        "properties": {
            "provisioningState": group.state,
            "privateDnsZoneId": zone,
            "recordSets": [record] if makes_record else [],
        },
    }
