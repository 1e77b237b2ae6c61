"""Why an HSM's data plane cannot be reached from where the service runs, and what people can do about it."""

from typing import Final, Literal

from domain.errors import ServiceError, service_error
from domain.names import hsm_uri

Obstacle = Literal["firewall", "name", "refused", "certificate", "timeout", "broken", "unavailable"]
"""What stands between the service and an HSM."""

_REASONS: Final[dict[Obstacle, str]] = {
    "firewall": "its firewall refuses the address that the service comes from",
    "name": "its name does not resolve",
    "refused": "the connection is refused",
    "certificate": "its TLS certificate is not one that the service trusts",
    "timeout": "nobody answers in time",
    "broken": "the connection breaks before there is an answer",
    "unavailable": "it, or something in between, answers that it is not available",
}
_ADVICE: Final[dict[Obstacle, str]] = {
    "firewall": "Let the service come over a private endpoint (handover.privateEndpoints, in a zone that the service's "
    "network is linked to), or name the service's outbound addresses in network.ipRules.",
    "name": "Link the service's network to a private DNS zone privatelink.managedhsm.azure.net that has the HSM's name "
    "(handover.privateEndpoints[].privateDnsZone), and see that the service asks DNS servers that know the zone.",
    "refused": "See that the HSM's name resolves to its private endpoint, and that nothing between refuses port 443.",
    "certificate": "See that nothing in between opens TLS connections, and that the HSM's name resolves to its private "
    "endpoint.",
    "timeout": "See that routes and network security groups let the service's subnet reach the private endpoint on "
    "port 443, and that the HSM's name resolves to that endpoint.",
    "broken": "See that the connection of the HSM's private endpoint is approved, and that the HSM's name resolves to "
    "that endpoint.",
    "unavailable": "See Azure's status page, and whether a proxy in between answers in the HSM's place.",
}


def data_plane_unreachable(hsm: str, obstacle: Obstacle) -> ServiceError:
    """Make the error of an HSM that the service cannot reach: one that it made is not activated until it can."""
    return service_error(
        "data_plane_unreachable",
        f"The service cannot reach {hsm_uri(hsm)}: {_REASONS[obstacle]}.",
        advice=f"{_ADVICE[obstacle]} Then send the request again: it goes on from here with the same HSM.",
    )
