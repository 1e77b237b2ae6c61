"""One function of each kind that the local host serves, and some that misbehave."""

import asyncio
import logging
import os
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from durabletask.entities import EntityContext
from durabletask.task import OrchestrationContext

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)


@app.route(route="echo/{word}")
def echo(req: func.HttpRequest) -> func.HttpResponse:
    words = f"{req.method} {req.route_params} {dict(req.params)} {dict(req.headers)} "
    return func.HttpResponse(words.encode() + req.get_body(), status_code=201, headers={"X-Answer": "yes"})


@app.route(route="plain")
def plain(req: func.HttpRequest) -> str:
    return str(req.url)


@app.route(route="cookies")
async def cookies(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the host binds it by name
    response = func.HttpResponse("baked")
    response.headers.add("Set-Cookie", "a=1")
    full = "b=2; Domain=d.test; Path=/p; Expires=Tue, 01 Jul 2036 10:00:00 GMT; Max-Age=60; Secure; HttpOnly"
    response.headers.add("Set-Cookie", f"{full}; SameSite=None")
    return response


@app.function_name("named_output")
@app.generic_trigger(arg_name="req", type="httpTrigger", route="named")
@app.generic_output_binding(arg_name="answer", type="http")
def named_output(req: func.HttpRequest, answer: func.Out[func.HttpResponse]) -> None:  # noqa: ARG001
    answer.set(func.HttpResponse("set", status_code=202))


@app.timer_trigger(arg_name="timer", schedule="0 */5 * * * *")
def tick(timer: func.TimerRequest, context: func.Context) -> None:
    logging.getLogger("app").info("past due: %s, invocation %s", timer.past_due, context.invocation_id)


@app.event_grid_trigger(arg_name="event")
def receive_event(event: func.EventGridEvent) -> None:
    logging.getLogger("app").info("%s %s %s", event.id, event.event_type, event.get_json())


@app.activity_trigger(input_name="number")
def double(number: int) -> int:
    return number * 2


@app.activity_trigger(input_name="size")
def make_text(size: int) -> str:
    return "x" * size


@app.route(route="raw")
def raw(req: func.HttpRequest) -> str:
    return str(len(req.get_body()))


@app.orchestration_trigger(context_name="context")
def plan(context: OrchestrationContext, number: int) -> Generator[Any, Any, Any]:
    return (yield context.call_activity("double", input=number))


@app.entity_trigger(context_name="context")
def counter(context: EntityContext, amount: int) -> int:
    total = context.get_state(int, 0) + amount
    context.set_state(total)
    return total


@app.route(route="client")
@app.durable_client_input(client_name="client")
def show_client(req: func.HttpRequest, client: str) -> func.HttpResponse:  # noqa: ARG001
    return func.HttpResponse(type(client).__name__)


@app.generic_trigger(arg_name="req", type="httpTrigger", route="raw-client")
@app.generic_input_binding(arg_name="client", type="durableClient")
@app.generic_output_binding(arg_name="$return", type="http")
def show_client_text(req: func.HttpRequest, client: str) -> str:  # noqa: ARG001
    return client


@app.activity_trigger(input_name="text")
def fail(text: str) -> None:
    raise ValueError(text)


@app.activity_trigger(input_name="text")
async def cancel(text: str) -> None:
    raise asyncio.CancelledError(text)


@app.activity_trigger(input_name="directory")
def wait(directory: str) -> str:
    """Leave a file for each time that it was begun, and wait for one named `go`."""
    begun = len(list(Path(directory).glob("begun-*")))
    Path(directory, f"begun-{begun}").touch()
    while not Path(directory, "go").exists():
        time.sleep(0.02)
    return f"begun {begun + 1} times"


@app.activity_trigger(input_name="directory")
async def block(directory: str) -> None:
    """Block the worker's event loop for ever."""
    Path(directory, "begun").touch()  # noqa: ASYNC240 - it is meant to be wrong
    while True:
        time.sleep(1)  # noqa: ASYNC251 - as above


@app.activity_trigger(input_name="text")
def leave(text: str) -> None:
    sys.exit(text)


@app.activity_trigger(input_name="text")
async def leave_at_once(text: str) -> None:
    print(text)  # noqa: T201 - what a function prints must not be lost
    os._exit(7)


@app.activity_trigger(input_name="directory")
def leave_a_child_behind(directory: str) -> None:
    """End the worker, and leave a process behind that has its end of the connection open."""
    if os.fork() == 0:
        deadline = time.monotonic() + 20
        Path(directory, "child").touch()
        while not Path(directory, "go").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        os._exit(0)
    while not Path(directory, "child").exists():
        time.sleep(0.02)
    os._exit(7)


@app.activity_trigger(input_name="text")
def say(text: str) -> int:
    """Log from a thread of the pool."""
    logging.getLogger("app").info(text)
    return os.getpid()


@app.activity_trigger(input_name="text")
async def say_later(text: str) -> None:
    await asyncio.sleep(0.1)
    logging.getLogger("app").info(text)
