"""HTTP functions of every level and shape, and what takes events from Event Grid."""

import json
import os
from pathlib import Path
from typing import Any

import azure.functions as func

JOURNAL = Path(os.environ["JOURNAL"])

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)


def note(name: str, document: Any) -> None:
    with (JOURNAL / name).open("a") as file:
        file.write(f"{json.dumps(document)}\n")


def describe(req: func.HttpRequest) -> func.HttpResponse:
    """Answer with all that the function was given."""
    document = {
        "method": req.method,
        "url": req.url,
        "headers": dict(req.headers),
        "params": dict(req.params),
        "route": dict(req.route_params),
        "body": req.get_body().decode(),
    }
    return func.HttpResponse(json.dumps(document), mimetype="application/json")


# --- levels


@app.route(route="levels/anonymous", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def anonymous(req: func.HttpRequest) -> func.HttpResponse:
    return describe(req)


@app.route(route="levels/function", methods=["GET"])
def keyed(req: func.HttpRequest) -> func.HttpResponse:
    return describe(req)


@app.route(route="levels/admin", methods=["GET"], auth_level=func.AuthLevel.ADMIN)
def master(req: func.HttpRequest) -> func.HttpResponse:
    return describe(req)


# --- routes


@app.route(route="items/{category:alpha}/{id:int?}", methods=["GET"])
def items(req: func.HttpRequest) -> func.HttpResponse:
    return describe(req)


@app.route(route="items/special/{id}", methods=["GET"])
def special_items(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the host binds it by name
    return func.HttpResponse("special")


@app.route(route="files/{*path}", methods=["GET"])
def files(req: func.HttpRequest) -> func.HttpResponse:
    return describe(req)


# --- requests and answers


@app.route(route="echo")
def echo(req: func.HttpRequest) -> func.HttpResponse:
    return describe(req)


@app.route(route="mirror", methods=["POST"])
def mirror(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.get_body(), status_code=299, mimetype="application/x-bytes", headers={"X-Own": "own"})


@app.route(route="cookies", methods=["GET"])
def cookies(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the host binds it by name
    response = func.HttpResponse("with cookies")
    response.headers.add("Set-Cookie", "session=abc; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Lax")
    response.headers.add("Set-Cookie", "theme=dark; Domain=example.org; Expires=Wed, 01 Jan 2098 00:00:00 GMT")
    response.headers.add("Set-Cookie", "plain=1")
    return response


@app.route(route="repeated", methods=["GET"])
def repeated(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the host binds it by name
    """Answer with a header that occurs twice, and with a cookie that has an attribute of today."""
    response = func.HttpResponse("repeated")
    for link in ("<a>; rel=prev", "<b>; rel=next"):
        response.headers.add("Link", link)
    response.headers.add("Set-Cookie", "whole=1; Path=/; Secure")
    response.headers.add("Set-Cookie", "split=1; Path=/; Secure; Partitioned")
    return response


@app.route(route="text", methods=["GET"])
def text(req: func.HttpRequest) -> str:  # noqa: ARG001 - the host binds it by name
    return "only text"


@app.route(route="broken", methods=["GET"])
def broken(req: func.HttpRequest) -> func.HttpResponse:
    message = f"not for callers: {req.url}"
    raise RuntimeError(message)


@app.route(route="slow", methods=["GET"])
async def slow(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:  # noqa: ARG001 - bound by name
    return func.HttpResponse(f"{context.function_name} {context.invocation_id}")


# --- Event Grid


@app.event_grid_trigger(arg_name="event")
def take_event(event: func.EventGridEvent) -> None:
    note("events", [event.id, event.event_type, event.subject, event.topic, event.get_json()])
    if event.subject == "refused":
        message = "no such subject"
        raise ValueError(message)


@app.event_grid_trigger(arg_name="event")
def take_cloud_event(event: func.CloudEvent) -> None:
    note("cloud-events", [event.id, event.type, event.source, event.subject, event.get_json()])
