"""The HTTP front: routes from the functions' metadata, function keys, typed requests and answers."""

import base64
import hmac
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.host.supervisor import InvocationFailed, Supervisor, WorkerDied

MAXIMUM_BODY: Final = 100 * 1024 * 1024
_log = logging.getLogger("local.host.http")
ALL_METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]


class Keys(NamedTuple):
    """The keys that open functions, and everything."""

    function: str
    master: str


def make_http_app(
    supervisor: Supervisor, functions: list[dict[str, Any]], keys: Keys, durable_client: str, route_prefix: str
) -> Starlette:
    """Make the web app that answers for the functions' HTTP triggers."""

    async def get_status(request: Request) -> Response:
        if not _opens(request, "ADMIN", keys):
            return Response(status_code=401)
        worker = {"processId": supervisor.process_id, "restarts": supervisor.restarts}
        return JSONResponse({"state": "Running", "worker": worker})

    routes = [Route("/admin/host/status", get_status)]
    for function in functions:
        trigger = next((binding for binding in function["bindings"] if binding["type"] == "httpTrigger"), None)
        if trigger is not None:
            path = "/" + "/".join(part for part in (route_prefix, trigger.get("route") or function["name"]) if part)
            handler = _make_handler(supervisor, function, trigger, keys, durable_client)
            routes.append(Route(path, handler, methods=trigger.get("methods") or ALL_METHODS))
    return Starlette(routes=routes)


def _make_handler(
    supervisor: Supervisor, function: dict[str, Any], trigger: dict[str, Any], keys: Keys, durable_client: str
) -> Callable[[Request], Awaitable[Response]]:
    clients = [binding["name"] for binding in function["bindings"] if binding["type"] == "durableClient"]

    async def handle(request: Request) -> Response:
        if not _opens(request, trigger.get("authLevel", "FUNCTION"), keys):
            return Response(status_code=401)
        body = await _read_body(request)
        if body is None:
            return Response(status_code=413)
        inputs = [{"name": trigger["name"], "kind": "http", "value": _describe(request, body)}]
        inputs += [{"name": name, "kind": "string", "value": durable_client} for name in clients]
        try:
            output = await run_in_threadpool(supervisor.invoke, function["id"], inputs, again=False)
        except InvocationFailed as failure:
            _log.error("%s failed: %s: %s\n%s", function["name"], failure.error_type, failure, failure.stack)
            return Response(status_code=500)
        except WorkerDied:
            return Response(status_code=502)
        return _respond(output)

    return handle


def _opens(request: Request, level: str, keys: Keys) -> bool:
    """Say whether the request's key opens a level; the header wins over the query."""
    if level.upper() == "ANONYMOUS":
        return True
    sent = request.headers.get("x-functions-key") or request.query_params.get("code") or ""
    accepted = [keys.master] if level.upper() == "ADMIN" else [keys.function, keys.master]
    return any(hmac.compare_digest(sent.encode(), key.encode()) for key in accepted)


async def _read_body(request: Request) -> bytes | None:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAXIMUM_BODY:
            return None
    return bytes(body)


def _describe(request: Request, body: bytes) -> dict[str, Any]:
    """Describe a request as the host does: empty headers and query values are dropped, repeated ones joined."""
    return {
        "method": request.method,
        "url": str(request.url),
        "headers": _joined(request.headers.items()),
        "params": {name: str(value) for name, value in request.path_params.items()},
        "query": _joined(request.query_params.multi_items()),
        "body": base64.b64encode(body).decode(),
    }


def _joined(items: Any) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in items:
        if value:
            joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _respond(output: dict[str, Any] | None) -> Response:
    if output is None:
        return Response(status_code=204)
    if output["kind"] != "http":
        return Response(str(output["value"]))
    value = output["value"]
    return Response(base64.b64decode(value["body"]), status_code=value["status"], headers=value["headers"])


def describe_durable_client(functions_url: str, durable_address: str, task_hub: str) -> str:
    """Write the configuration that the durable client binding gives to a function."""
    webhooks = f"{functions_url}/runtime/webhooks/durabletask"
    return json.dumps(
        {
            "taskHubName": task_hub,
            "rpcBaseUrl": durable_address,
            "httpBaseUrl": webhooks,
            "baseUrl": webhooks,
            "requiredQueryStringParameters": "",
            "managementUrls": {},
            "creationUrls": {},
        }
    )
