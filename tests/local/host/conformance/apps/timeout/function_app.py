"""Functions that take longer than host.json's functionTimeout."""

import os
import time
from collections.abc import Generator
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from durabletask.task import OrchestrationContext, TaskFailedError

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="hang", methods=["GET"])
def hang(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the host binds it by name
    time.sleep(60)
    return func.HttpResponse("too late")


@app.route(route="process", methods=["GET"])
def process(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the host binds it by name
    return func.HttpResponse(str(os.getpid()))


@app.activity_trigger(input_name="seconds")
def idle(seconds: float) -> str:
    time.sleep(seconds)
    return "awake"


@app.orchestration_trigger(context_name="context")
def idle_twice(ctx: OrchestrationContext, seconds: float) -> Generator[Any, Any, list[str]]:
    """Sleep too long, then for no time."""
    try:
        first = yield ctx.call_activity("idle", input=seconds)
    except TaskFailedError as error:
        first = error.details.error_type
    return [first, (yield ctx.call_activity("idle", input=0))]
