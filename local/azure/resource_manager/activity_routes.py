"""The activity log of a subscription: Microsoft.Insights."""

from typing import Final

from starlette.responses import Response

from local.azure.core.errors import ServiceFault
from local.azure.resource_manager.activity_log import describe_activity
from local.azure.resource_manager.calls import SUBSCRIPTION, Call, Handler, perform

_EVENTS: Final = SUBSCRIPTION + "/providers/Microsoft.Insights/eventtypes/management/values"


async def list_activities(call: Call) -> Response:
    """List what was done in the subscription in the last 90 days, the newest first: `$filter` says from when on.

    Leaves out: the beginnings and ends of long-running operations, of which Azure has an event each; what was done by
    other means than ARM; what was refused for want of a role; filters but `eventTimestamp`, `resourceUri` and
    `resourceGroupName`; `$select`; the minutes by which the log lags behind.

    Assumes: an application's `caller` is its object id.
    """
    if "$select" in call.request.query_params:
        raise ServiceFault(400, "BadRequest", "The local Azure does not know $select here.")
    text = call.request.query_params.get("$filter", "")
    found = call.subscription.activities.find(text, call.manager.timing.clock.date())
    return call.respond_with_page([describe_activity(activity, call.subscription.id) for activity in found])


ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", _EVENTS, perform("Microsoft.Insights/eventtypes/values/read", list_activities)),
)
