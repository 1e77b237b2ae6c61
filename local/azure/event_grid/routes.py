"""TOPIC.REGION-1.eventgrid.azure.net."""

from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.azure.core.errors import ServiceFault, no_such_endpoint, respond_to_fault
from local.azure.core.tokens import TokenAuthority
from local.azure.event_grid.access import Door
from local.azure.event_grid.courier import Courier
from local.azure.event_grid.events import BATCH_OF_CLOUD_EVENTS, CLOUD_EVENT, read_events
from local.azure.event_grid.faults import bad_request, too_large, unsupported_media_type
from local.azure.event_grid.models import EventGrid
from local.azure.event_grid.settings import CLOUD_EVENTS
from local.clock import Clock

_MAXIMUM: Final = 1 << 20
_MEDIA_TYPES: Final = frozenset({"application/json", CLOUD_EVENT, BATCH_OF_CLOUD_EVENTS})


def make_event_grid_app(grid: EventGrid, authority: TokenAuthority, clock: Clock, courier: Courier) -> Starlette:
    """Make the web app of all topics."""
    door = Door(grid, authority)

    async def publish(request: Request) -> Response:
        """Take events of the topic's schema, all or none, and begin to deliver them.

        Leaves out: a signature in place of a key (`aeg-sas-token`), which is refused; CloudEvents in headers (binary
        mode); the names of their extension attributes; the custom input schema.

        Assumes: the codes and the texts of 400, but for a body of another schema and a member that is not there; the
        texts of 413 and of 401 for a wrong token, and for a key where local authentication is off; 415 for CloudEvents
        of another media type, while a topic of Event Grid's own schema looks at none.
        """
        topic = door.enter(request)
        if "api-version" not in request.query_params:
            raise bad_request("The api-version query parameter is required.")
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if topic.schema == CLOUD_EVENTS and media_type not in _MEDIA_TYPES:
            raise unsupported_media_type(media_type)
        body = await request.body()
        if len(body) > _MAXIMUM:
            raise too_large()
        events = read_events(topic.schema, media_type, body, topic.resource_id)
        for subscription in grid.route(topic, events, clock.now()):
            courier.send(subscription)
        return Response()

    async def find_nothing(request: Request) -> Response:
        """Answer 404 `NotInLocalAzure`: there is nothing else here."""
        door.enter(request)
        return no_such_endpoint(request)

    return Starlette(
        routes=[
            Route("/api/events", publish, methods=["POST"]),
            Route("/{path:path}", find_nothing, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        ],
        exception_handlers={ServiceFault: respond_to_fault},
    )
