"""Long-running operations of Microsoft.Network, which a client follows at `Azure-AsyncOperation`."""

import math
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from local.azure.core.errors import ServiceFault
from local.azure.resource_manager.calls import GROUP, SUBSCRIPTION, Call, HandlerRoute
from local.azure.resource_manager.hsm_resource import Operation

_NETWORK: Final = "/providers/Microsoft.Network"
# What Microsoft.Network asks a client to wait between two looks.
_RETRY_AFTER_SECONDS: Final = 10


async def poll(call: Call) -> Response:
    """Say whether an operation on a network, an endpoint, a zone group, a zone or a link has ended.

    Assumes: the code of one that failed, which the control API decides; who knows an operation's id may ask, as a role
    on a resource group alone is enough to begin one.
    """
    progress = _find(call).progress
    if not progress.ended:
        return JSONResponse({"status": "InProgress"}, headers=_wait(call))
    if progress.final == "Failed":
        error = {"code": "InternalServerError", "message": "An error occurred."}
        return JSONResponse({"status": "Failed", "error": error})
    return JSONResponse({"status": "Succeeded"})


async def poll_result(call: Call) -> Response:
    """Say by its status alone whether a deletion has ended: 202, then 204.

    Assumes: who knows an operation's id may ask; a role on a resource group alone is enough to begin one.
    """
    operation = _find(call)
    if operation.progress.ended:
        return Response(status_code=204)
    return Response(status_code=202, headers=_follow(call, operation))


def respond(call: Call, operation: Operation, status: int, body: dict[str, Any] | None = None) -> Response:
    """Answer what begins an operation."""
    headers = _follow(call, operation)
    if body is None:
        return Response(status_code=status, headers=headers)
    return JSONResponse(body, status_code=status, headers=headers)


def respond_of_zone(call: Call, operation: Operation, body: dict[str, Any]) -> Response:
    """Answer what begins an operation on a private DNS zone, whose operations are in its resource group."""
    version = call.request.query_params["api-version"]
    place = f"/subscriptions/{call.subscription.id}/resourceGroups/{call.path('group')}{_NETWORK}"
    url = f"https://management.azure.com{place}/privateDnsOperationStatuses/{operation.id}?api-version={version}"
    return JSONResponse(body, status_code=202, headers={"Azure-AsyncOperation": url, **_wait(call)})


def _follow(call: Call, operation: Operation) -> dict[str, str]:
    version = call.request.query_params["api-version"]
    place = f"/subscriptions/{operation.subscription_id}{_NETWORK}/locations/{operation.location}"
    address = f"https://management.azure.com{place}"
    return {
        "Azure-AsyncOperation": f"{address}/operations/{operation.id}?api-version={version}",
        "Location": f"{address}/operationResults/{operation.id}?api-version={version}",
        **_wait(call),
    }


def _wait(call: Call) -> dict[str, str]:
    """In reality 10 s; here no longer than it takes."""
    timing = call.manager.timing
    seconds = min(_RETRY_AFTER_SECONDS, max(1, math.ceil(timing.network_seconds / timing.clock.speed)))
    return {"Retry-After": str(seconds)}


def _find(call: Call) -> Operation:
    operation = call.manager.operations.get(call.path("operation"))
    if operation is None or operation.subscription_id != call.subscription.id:
        raise ServiceFault(404, "NotFound", f"Operation {call.path('operation')} not found.")
    return operation


_LOCATION: Final = SUBSCRIPTION + _NETWORK + "/locations/{location}"
ROUTES: Final[tuple[HandlerRoute, ...]] = (
    ("GET", _LOCATION + "/operations/{operation}", poll),
    ("GET", _LOCATION + "/operationResults/{operation}", poll_result),
    ("GET", GROUP + _NETWORK + "/privateDnsOperationStatuses/{operation}", poll),
)
