"""A small app with one of each thing that the host must get right."""

import os
import subprocess
import sys
import time
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from durabletask.task import OrchestrationContext, TaskFailedError, when_all

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)


@app.route(route="echo/{word}", methods=["POST"])
def echo(req: func.HttpRequest) -> func.HttpResponse:
    text = f"{req.method} {req.route_params['word']} {req.params.get('q')} {req.headers.get('x-test')} "
    return func.HttpResponse(text.encode() + req.get_body(), status_code=201, headers={"X-Answer": "yes"})


@app.route(route="die", methods=["POST"])
def die(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the host binds it by name
    os._exit(3)


@app.route(route="spawn", methods=["POST"])
def spawn(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the host binds it by name
    return func.HttpResponse(str(subprocess.Popen(["sleep", "60"]).pid))


@app.activity_trigger(input_name="number")
def double(number: int) -> int:
    return number * 2


@app.activity_trigger(input_name="text")
def fail(text: str) -> None:
    raise ValueError(text)


@app.activity_trigger(input_name="path")
def die_at_first(path: str) -> int:
    count = Path(path)
    number = int(count.read_text()) + 1 if count.exists() else 1
    count.write_text(str(number))
    if number == 1:
        os._exit(3)
    return number


@app.activity_trigger(input_name="path")
def die_always(path: str) -> None:  # noqa: ARG001 - the host binds it by name
    os._exit(3)


@app.activity_trigger(input_name="text")
def echo_text(text: str) -> str:
    return text


@app.activity_trigger(input_name="text")
def leave(text: str) -> None:
    sys.exit(text)


@app.activity_trigger(input_name="path")
def wait_for(path: str) -> str:
    deadline = time.monotonic() + 20
    while not Path(path).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    return path


@app.orchestration_trigger(context_name="ctx")
def fan(ctx: OrchestrationContext, count: int) -> Generator[Any, Any, int]:
    results = yield when_all([ctx.call_activity("double", input=number) for number in range(count)])
    yield ctx.create_timer(timedelta(seconds=0.1))
    return sum(results)


@app.orchestration_trigger(context_name="ctx")
def count_down(ctx: OrchestrationContext, number: int) -> Generator[Any, Any, str | None]:
    yield ctx.create_timer(timedelta(seconds=0.05))
    if number == 0:
        return "lift-off"
    ctx.continue_as_new(number - 1)
    return None


@app.activity_trigger(input_name="paths")
def turn(paths: list) -> str:  # type: ignore[type-arg]
    """Say in which generation this is; the first lets the second go on only when it is over."""
    here, go = (Path(path) for path in paths)
    here.touch()
    deadline = time.monotonic() + 20
    while not go.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    return here.name


@app.orchestration_trigger(context_name="ctx")
def generations(ctx: OrchestrationContext, work: list[Any]) -> Generator[Any, Any, Any]:
    """The first generation leaves its activity behind, whose result comes while its last turn is under way."""
    number, first, second = work
    if number == 2:
        return (yield ctx.call_activity("turn", input=[second, second]))
    ctx.call_activity("turn", input=[first, f"{first}-go"])
    yield ctx.create_timer(timedelta(seconds=0.3))
    if not ctx.is_replaying:
        Path(f"{first}-go").touch()
        time.sleep(1)
    ctx.continue_as_new([2, first, second])
    return None


@app.orchestration_trigger(context_name="ctx")
def parent(ctx: OrchestrationContext, number: int) -> Generator[Any, Any, Any]:
    return (yield ctx.call_sub_orchestrator("count_down", input=number))


@app.orchestration_trigger(context_name="ctx")
def call(ctx: OrchestrationContext, work: list[Any]) -> Generator[Any, Any, Any]:
    name, value = work
    try:
        return (yield ctx.call_activity(name, input=value))
    except TaskFailedError as error:
        return f"{error.details.error_type}: {error.details.message}"
