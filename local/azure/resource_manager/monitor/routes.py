"""All routes of Azure Monitor, but for metrics and the activity log."""

from typing import Final

from local.azure.resource_manager.calls import HandlerRoute
from local.azure.resource_manager.monitor import alert_routes, diagnostic_routes, targets

ROUTES: Final[tuple[HandlerRoute, ...]] = (*targets.ROUTES, *diagnostic_routes.ROUTES, *alert_routes.ROUTES)
