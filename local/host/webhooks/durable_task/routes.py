"""The API's paths. Source: the extension's HttpApiHandler.cs, HandleRequestAsync.

There is one task hub and one connection: the queries `taskHub` and `connection` are of no account.
"""

import re
from collections.abc import Awaitable, Callable, Collection
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.host.engine.engine import Engine
from local.host.engine.errors import InstanceNotFound, InvalidRequest
from local.host.http.body import LARGEST_BODY
from local.host.webhooks.durable_task.answers import Refusal, describe_error, respond_to_refusal
from local.host.webhooks.durable_task.entities import EntityHandlers
from local.host.webhooks.durable_task.instances import InstanceHandlers
from local.host.webhooks.durable_task.links import BASE_PATH, Management

_ALL_METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
Handler = Callable[[Request], Awaitable[Response]]
Opens = Callable[[Request], bool]


def make_durable_task_routes(
    engine: Engine,
    management: Management,
    opens: Opens,
    *,
    orchestrators: Collection[str],
    entities: Collection[str],
) -> list[Route]:
    """Make the routes; `opens` says whether a request has a key to them, without which it gets 401.

    `orchestrators` and `entities` are the names of the app's. What is not there is 404, a known path with another
    method too.
    """
    instance_handlers = InstanceHandlers(engine, management, orchestrators)
    entity_handlers = EntityHandlers(engine, entities)
    table: list[tuple[str, list[str], Handler]] = [
        ("/orchestrators/{name}", ["POST"], instance_handlers.start),
        ("/orchestrators/{name}/{id}", ["POST"], instance_handlers.start),
        ("/instances", ["GET"], instance_handlers.list_page),
        ("/instances", ["DELETE"], instance_handlers.purge_by),
        ("/instances/{id}", ["GET"], instance_handlers.get),
        ("/instances/{id}", ["DELETE"], instance_handlers.purge),
        ("/instances/{id}/raiseEvent/{event}", ["POST"], instance_handlers.raise_event),
        ("/instances/{id}/terminate", ["POST"], instance_handlers.terminate),
        ("/instances/{id}/suspend", ["POST"], instance_handlers.suspend),
        ("/instances/{id}/resume", ["POST"], instance_handlers.resume),
        ("/instances/{id}/rewind", ["POST"], instance_handlers.rewind),
        ("/instances/{id}/restart", ["POST"], instance_handlers.restart),
        ("/entities", ["GET"], entity_handlers.list_page),
        ("/entities/{name}", ["GET"], entity_handlers.list_page),
        ("/entities/{name}", ["POST", "DELETE"], entity_handlers.signal),
        ("/entities/{name}/{key}", ["GET"], entity_handlers.get),
        ("/entities/{name}/{key}", ["POST", "DELETE"], entity_handlers.signal),
        ("/makeprimary", ["POST"], _make_primary),
        ("/{path:path}", _ALL_METHODS, _find_nothing),
    ]
    return [_AnyCase(f"{BASE_PATH}{path}", _guard(opens, handler), methods=methods) for path, methods, handler in table]


class _AnyCase(Route):
    """A route in any case, and with a slash at its end or without."""

    def __init__(self, path: str, endpoint: Handler, *, methods: list[str]) -> None:
        super().__init__(path, endpoint, methods=methods, max_body_size=LARGEST_BODY)
        self.path_regex = re.compile(f"{self.path_regex.pattern.removesuffix('$')}/?$", re.IGNORECASE)


def _guard(opens: Opens, handler: Handler) -> Handler:
    async def handle(request: Request) -> Response:
        if not opens(request):
            return Response(status_code=401)
        try:
            return await handler(request)
        except Refusal as refusal:
            return respond_to_refusal(refusal)
        except InstanceNotFound:
            return Response(status_code=404)
        except InvalidRequest as error:
            return respond_to_refusal(Refusal(400, describe_error("System.ArgumentException", str(error))))

    return handle


async def _make_primary(request: Request) -> Response:  # noqa: ARG001 - the signature of a handler
    """Answer that this app is the primary one, as the only one is."""
    return Response()


async def _find_nothing(request: Request) -> Response:  # noqa: ARG001 - the signature of a handler
    return Response(status_code=404)
