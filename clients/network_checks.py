"""Whether private endpoints can be made as they are asked for: checked before money is spent."""

from collections.abc import Iterator
from typing import Final

from clients.linked_resources import Linked, require_linked, require_permitted
from domain.handover.network import PrivateEndpoint
from domain.handover.request import Handover

_NETWORK: Final = "Microsoft.Network"
_ENDPOINTS: Final = f"{_NETWORK}/privateEndpoints"
_FOR_ENDPOINTS: Final = tuple(f"{_ENDPOINTS}/{verb}" for verb in ("read", "write", "delete"))
_FOR_ZONE_GROUPS: Final = tuple(f"{_ENDPOINTS}/privateDnsZoneGroups/{verb}" for verb in ("read", "write", "delete"))
# Where an endpoint is must be where its virtual network is, which is read.
_ON_NETWORK: Final = (f"{_NETWORK}/virtualNetworks/read",)
_ON_SUBNET: Final = tuple(f"{_NETWORK}/virtualNetworks/subnets/{action}" for action in ("read", "join/action"))
_ON_ZONE: Final = tuple(f"{_NETWORK}/privateDnsZones/{action}" for action in ("read", "join/action"))


def require_network(subscription_id: str, handover: Handover) -> None:
    """Check what private endpoints are to be made of; raises ServiceError as `require_linked` does."""
    endpoints = handover.private_endpoints or []
    if endpoints:
        zoned = any(endpoint.private_dns_zone for endpoint in endpoints)
        actions = _FOR_ENDPOINTS + (_FOR_ZONE_GROUPS if zoned else ())
        require_permitted(f"/subscriptions/{subscription_id}", actions)
    require_linked(linked for number, endpoint in enumerate(endpoints) for linked in _list_linked(number, endpoint))


def _list_linked(number: int, endpoint: PrivateEndpoint) -> Iterator[Linked]:
    field = f"handover.privateEndpoints[{number}]"
    network = endpoint.subnet.rsplit("/", 2)[0]
    yield Linked(f"{field}.subnet", network, _ON_NETWORK, network)
    yield Linked(f"{field}.subnet", endpoint.subnet, _ON_SUBNET, endpoint.subnet)
    zone = endpoint.private_dns_zone
    if zone is not None:
        yield Linked(f"{field}.privateDnsZone", zone, _ON_ZONE, zone)
