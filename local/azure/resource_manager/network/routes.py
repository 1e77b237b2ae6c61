"""All routes of Microsoft.Network."""

from typing import Final

from local.azure.resource_manager.calls import HandlerRoute
from local.azure.resource_manager.network import (
    operations,
    private_dns_routes,
    private_endpoint_routes,
    virtual_network_routes,
    zone_group_routes,
)

ROUTES: Final[tuple[HandlerRoute, ...]] = (
    *virtual_network_routes.ROUTES,
    *private_endpoint_routes.ROUTES,
    *zone_group_routes.ROUTES,
    *private_dns_routes.ROUTES,
    *operations.ROUTES,
)
