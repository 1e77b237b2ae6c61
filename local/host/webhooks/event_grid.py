"""The webhook to which Event Grid delivers, in both of its schemas.

Source: azure-sdk-for-net, Microsoft.Azure.WebJobs.Extensions.EventGrid: EventGridExtensionConfigProvider.cs and
HttpRequestProcessor.cs. Names of functions are compared with their case, as there.
"""

import asyncio
import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from local.host.functions import Function, Input, InvocationError, Invoker
from local.host.http.body import read_body
from local.host.keys import EVENT_GRID, Keys

_log = logging.getLogger("local.host.event_grid")
_PUBLIC_ORIGIN: Final = "eventgrid.azure.net"
_ORIGINS: Final = frozenset(
    {
        _PUBLIC_ORIGIN,
        "eventgrid.azure.us",
        "eventgrid.azure.eaglex.ic.gov",
        "eventgrid.azure.microsoft.scloud",
        "eventgrid.azure.cn",
    }
)


class DeliveryError(ValueError):
    """A delivery's body is not what its headers announce; the message names the member."""


def make_event_grid_routes(functions: Iterable[Function], invoker: Invoker, keys: Keys) -> list[Route]:
    """Make the webhook's route for the Event Grid functions among these."""
    listeners = {function.name: function for function in functions if function.trigger["type"] == "eventGridTrigger"}

    async def deliver(request: Request) -> Response:
        if not keys.open_extension(request, EVENT_GRID):
            return Response(status_code=401)
        name = _find_function_name(request)
        function = listeners.get(name)
        if function is None:
            return PlainTextResponse(f"cannot find function: '{name}'", 404)
        if request.method == "OPTIONS":
            return _allow_origin(request)
        try:
            return await _take_delivery(request, function, invoker)
        except DeliveryError as error:
            return PlainTextResponse(str(error), 400)
        except ClientDisconnect:
            return Response(status_code=400)

    return [Route("/runtime/webhooks/eventgrid", deliver, methods=["POST", "OPTIONS"])]


async def fire_event(invoker: Invoker, function: Function, event: str) -> None:
    """Have a function take one event, given as its JSON; raises as Invoker.invoke does."""
    await invoker.invoke(function, [Input(function.trigger["name"], "json", event)], again=False)


def _find_function_name(request: Request) -> str:
    return next((value for name, value in request.query_params.multi_items() if name.lower() == "functionname"), "")


def _allow_origin(request: Request) -> Response:
    """Answer the CloudEvents handshake: only Event Grid may deliver, as often as it likes."""
    asked = request.headers.get("webhook-request-origin")
    headers = {"webhook-allowed-origin": asked if asked in _ORIGINS else _PUBLIC_ORIGIN}
    if "webhook-request-rate" in request.headers:
        headers["webhook-allowed-rate"] = "*"
    return Response(headers=headers)


async def _take_delivery(request: Request, function: Function, invoker: Invoker) -> Response:
    match request.headers.get("aeg-event-type", "").lower():
        case "subscriptionvalidation":
            code = _find_validation_code(_read_events(await read_body(request)))
            return JSONResponse({"validationResponse": code})
        case "notification":
            return await _notify(function, _read_events(await read_body(request)), invoker)
        case "unsubscribe":
            return Response(status_code=202)
        case _:
            message = "the header aeg-event-type is none of SubscriptionValidation, Notification and Unsubscribe"
            raise DeliveryError(message)


def _read_events(body: bytes) -> list[Mapping[str, Any]]:
    """Read one event, or an array of events."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        message = f"the body is no JSON: {error}"
        raise DeliveryError(message) from None
    events = document if isinstance(document, list) else [document]
    if not all(isinstance(event, dict) for event in events):
        message = "the body is neither an event nor an array of events"
        raise DeliveryError(message)
    return events


def _find_validation_code(events: list[Mapping[str, Any]]) -> str:
    """Find the code of a validation event; a CloudEvent has its data encoded twice."""
    data = events[0].get("data") if events else None
    if isinstance(data, str):
        data = _read_events(data.encode())[0]
    code = data.get("validationCode") if isinstance(data, dict) else None
    if not isinstance(code, str):
        message = "the event has no data.validationCode"
        raise DeliveryError(message)
    return code


async def _notify(function: Function, events: list[Mapping[str, Any]], invoker: Invoker) -> Response:
    """Have all events taken at once; where one fails, Event Grid is to send all of them again."""
    succeeded = await asyncio.gather(*(_succeeds(invoker, function, event) for event in events))
    if all(succeeded):
        return Response(status_code=202)
    return PlainTextResponse(f"Exception while executing function: Functions.{function.name}", 500)


async def _succeeds(invoker: Invoker, function: Function, event: Mapping[str, Any]) -> bool:
    try:
        await fire_event(invoker, function, json.dumps(event))
    except InvocationError as failure:
        _log.error("%s failed to take an event: %s", function.name, failure.error_type)
        return False
    return True
