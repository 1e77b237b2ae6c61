"""Entities in the API. Source: the extension's HttpApiHandler.cs, DurableClient.cs and EntityId.cs.

The extension also has entities whose key is empty or holds an @; durabletask, which runs an app's entities, has none.
"""

import json
import uuid
from collections.abc import Collection
from typing import Any, Final

from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf.wrappers_pb2 import Int32Value, StringValue
from starlette.requests import Request
from starlette.responses import Response

from local.host.engine.engine import Engine
from local.host.webhooks.durable_task.answers import Refusal, respond, unknown_function
from local.host.webhooks.durable_task.queries import (
    CONTINUATION_HEADER,
    is_json,
    read_flag,
    read_json,
    read_moment,
    read_page_size,
    read_text,
    read_token,
)
from local.host.webhooks.durable_task.status import read_payload

_EMPTY_KEY: Final = "$"


class EntityHandlers:
    """What the API does with entities; each method answers one call, and raises Refusal."""

    def __init__(self, engine: Engine, entities: Collection[str]) -> None:
        self._engine = engine
        self._known = {name.lower() for name in entities}

    async def get(self, request: Request) -> Response:
        """Give an entity's state; the key `$` is the empty one, which has none."""
        key = request.path_params["key"]
        entity_id = _make_id(request.path_params["name"], "" if key == _EMPTY_KEY else key)
        entity = self._engine.get_entity(entity_id, state=True)
        if entity is None or not entity.HasField("serializedState"):
            raise Refusal(404)
        return respond(read_payload(entity.serializedState.value))

    async def list_page(self, request: Request) -> Response:
        """List a page of the entities, of one name or of all; where the next one is, a header says."""
        name = request.path_params.get("name")
        with_state = read_flag(request, "fetchState", default=False)
        query = pb.EntityQuery(
            instanceIdStartsWith=StringValue(value=_make_id(name, "") if name else "@"),
            lastModifiedFrom=read_moment(request, "lastOperationTimeFrom"),
            lastModifiedTo=read_moment(request, "lastOperationTimeTo"),
            includeState=with_state,
            pageSize=Int32Value(value=read_page_size(request)),
            continuationToken=read_token(request),
        )
        found, token = self._engine.query_entities(query)
        return respond([_describe(entity) for entity in found], headers={CONTINUATION_HEADER: token or ""})

    async def signal(self, request: Request) -> Response:
        """Have an entity do the operation `op`, or `delete` where that is the request's method.

        What is not declared to be JSON is given to it as a string. An unknown entity is refused with 400, as the
        extension does, though its reference says 404.
        """
        name = request.path_params["name"]
        if name.lower() not in self._known:
            raise Refusal(400, {"Message": unknown_function(name, "entity", sorted(self._known))})
        key = request.path_params.get("key", "")
        _check_key(key)
        operation = "delete" if request.method == "DELETE" else read_text(request, "op") or ""
        given = await _read_input(request)
        signal = pb.SignalEntityRequest(
            instanceId=_make_id(name, key),
            name=operation,
            input=StringValue(value=given) if given is not None else None,
            requestId=str(uuid.uuid4()),
        )
        self._engine.signal_entity(signal)
        return Response(status_code=202)


async def _read_input(request: Request) -> str | None:
    """Read an operation's input as JSON text, None where there is none; raises Refusal 400."""
    if not is_json(request):
        text = (await request.body()).decode(errors="replace")
        return json.dumps(text) if text else None
    try:
        return await read_json(request)
    except ValueError as error:
        raise Refusal(400, {"Message": f"Could not parse JSON content: {error}"}) from None


def _check_key(key: str) -> None:
    """Refuse a key that no entity can have; raises Refusal 400."""
    wrong = any(character in "/\\#?@" or not character.isprintable() for character in key)
    if not key or wrong:
        message = "An entity key has at least one character, none of / \\ # ? @ and no control character."
        raise Refusal(400, {"Message": message})


def _make_id(name: str, key: str) -> str:
    return f"@{name.lower()}@{key}"


def _describe(entity: pb.EntityMetadata) -> dict[str, Any]:
    _, name, key = entity.instanceId.split("@", 2)
    view: dict[str, Any] = {
        "entityId": {"name": name, "key": key},
        "lastOperationTime": entity.lastModifiedTime.ToJsonString(),
    }
    if entity.HasField("serializedState"):
        view["state"] = read_payload(entity.serializedState.value)
    return view
