"""The regions in which the local Azure has Managed HSMs."""

from typing import Final

from local.azure.core.errors import ServiceFault

# Which regions have them changes, and ARM's list of the provider's locations is what a client asks.
LOCATIONS: Final = ("Norway East", "West Europe", "North Europe", "UK South", "East US 2", "Sweden Central")
# Source: Microsoft's documentation, Managed HSM, multi-region-replication.md.
NOT_FOR_EXTENSION: Final = frozenset(
    {"eastus", "canadaeast", "westeurope", "qatarcentral", "polandcentral", "westindia"}
)


def plain_location(location: str) -> str:
    """Give a region's name as ARM writes it: `Norway East` is `norwayeast`."""
    return location.replace(" ", "").lower()


def require_location(location: str) -> None:
    """Refuse a region that has no Managed HSMs; raises ServiceFault 400."""
    if location not in {plain_location(known) for known in LOCATIONS}:
        raise ServiceFault(400, "LocationNotAvailableForResourceType", f"No Managed HSM is offered in {location}.")


def require_extension_location(location: str) -> None:
    """Refuse a region to which no HSM can be extended; raises ServiceFault 400.

    The code and the words are those of azure-cli's recording test_keyvault_mhsm_region.yaml.
    """
    valid = [plain_location(known) for known in LOCATIONS]
    if location not in valid:
        listed = ", ".join(valid)
        message = f"Invalid region name: {location} passed. The valid list of region names: {listed}"
        raise ServiceFault(400, "400", message)
    if location in NOT_FOR_EXTENSION:
        raise ServiceFault(400, "400", f"A Managed HSM cannot be extended to {location}.")
