"""The private endpoints through which an HSM is reached, made before it is activated."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Final, NamedTuple

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from domain.errors import ServiceError, service_error
from domain.fields import SubnetId
from domain.handover.resource_ids import PrivateDnsZoneId
from domain.model import Model

ZONE: Final = "privatelink.managedhsm.azure.net"
"""The private DNS zone of Managed HSMs in the public cloud (source: Azure Private Endpoint DNS documentation)."""


def _of_managed_hsms(zone: str) -> str:
    if zone.rpartition("/")[2].lower() != ZONE:
        code, message = "invalid_field", f"Names of Managed HSMs are entered in a zone that is called {ZONE}."
        raise PydanticCustomError(code, message)
    return zone


class PrivateEndpoint(Model):
    """A private endpoint of the HSM, in the HSM's resource group."""

    subnet: SubnetId
    """The Azure resource id of the subnet that it is in."""
    private_dns_zone: Annotated[PrivateDnsZoneId, AfterValidator(_of_managed_hsms)] | None = None
    """The Azure resource id of the zone `privatelink.managedhsm.azure.net` in which its name is entered.

    Absent: whoever runs the network enters it.
    """
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9](?:[-\w.]{0,62}\w)?$")] | None = None
    """What it is named. Absent: `pe-` and the HSM's name, with a number from the second on."""


def _named_apart(endpoints: list[PrivateEndpoint]) -> list[PrivateEndpoint]:
    names = [endpoint.name.lower() for endpoint in endpoints if endpoint.name]
    if len(set(names)) < len(names):
        code, message = "invalid_field", "Two of these private endpoints have one name."
        raise PydanticCustomError(code, message)
    return endpoints


PrivateEndpoints = Annotated[list[PrivateEndpoint], Field(max_length=10), AfterValidator(_named_apart)]


class WantedEndpoint(NamedTuple):
    """A private endpoint that an HSM is to have."""

    resource_id: str
    subnet: str
    zone: str | None

    @property
    def name(self) -> str:
        """What it is called."""
        return self.resource_id.rpartition("/")[2]

    @property
    def network(self) -> str:
        """The resource id of the virtual network that it is in."""
        return self.subnet.rsplit("/", 2)[0]


def endpoints_of(hsm_id: str, endpoints: Sequence[PrivateEndpoint]) -> Iterator[WantedEndpoint]:
    """Give the private endpoints of an HSM by their resource ids: they are in its resource group."""
    group, _, hsm = hsm_id.partition("/providers/")
    for name, endpoint in zip(_names_of(hsm.rpartition("/")[2], endpoints), endpoints, strict=True):
        place = f"{group}/providers/Microsoft.Network/privateEndpoints/{name}"
        yield WantedEndpoint(place, endpoint.subnet, endpoint.private_dns_zone)


def find_name_taken_twice(hsm: str, endpoints: Sequence[PrivateEndpoint]) -> int | None:
    """Give the number of the first private endpoint, from 0 on, that comes to the name of one before it.

    One that is not named can: it is called after the HSM.
    """
    names = [name.lower() for name in _names_of(hsm, endpoints)]
    return next((number for number, name in enumerate(names) if name in names[:number]), None)


def _names_of(hsm: str, endpoints: Sequence[PrivateEndpoint]) -> list[str]:
    usual = (f"pe-{hsm}" + (f"-{number}" if number > 1 else "") for number in range(1, len(endpoints) + 1))
    return [endpoint.name or name for endpoint, name in zip(endpoints, usual, strict=True)]


def endpoint_differs(name: str) -> ServiceError:
    """Make the error of a private endpoint whose name another one has."""
    return service_error(
        "private_endpoint_differs",
        f"There is a private endpoint {name} already, and it is in another subnet or of another resource.",
        advice="Give the private endpoint another name, or have that one deleted, then send the request again.",
    )


def endpoint_is_cut(name: str) -> ServiceError:
    """Make the error of a private endpoint of others that connects to nothing any more."""
    return service_error(
        "private_endpoint_differs",
        f"There is a private endpoint {name} of others already, and it connects to nothing any more.",
        advice="Have that one deleted, or give the private endpoint another name, then send the request again.",
    )


def zone_differs(name: str) -> ServiceError:
    """Make the error of a private endpoint of others whose name is in another zone."""
    return service_error(
        "private_endpoint_differs",
        f"There is a private endpoint {name} already that the service did not make, and its name is in another zone.",
        advice="Give the private endpoint another name, or have its zone group deleted, then send the request again.",
    )


def endpoint_failed(name: str) -> ServiceError:
    """Make the error of a private endpoint that Azure could not make."""
    return service_error(
        "private_endpoint_failed",
        f"Azure could not make the private endpoint {name}, or enter its name in the zone.",
        advice="See in Azure what is wrong with the subnet and the zone, then send the request again: it tries anew.",
    )


def endpoint_not_approved(hsm_id: str, name: str, status: str) -> ServiceError:
    """Make the error of a connection that nobody approved in time, or that somebody rejected."""
    listing = "az network private-endpoint-connection list --id"
    approving = "az network private-endpoint-connection approve --id CONNECTION_ID --description"
    return service_error(
        "private_endpoint_not_approved",
        f"The connection of the private endpoint {name} is {status}, not Approved, and the service may not approve it.",
        advice=(
            f"Whoever may approve connections of the HSM runs: {listing} {hsm_id} - finds the id of the connection of "
            f'{name} there, and runs: {approving} "for its activation" - then send the request again: it goes on '
            "from here with the same HSM."
        ),
    )
