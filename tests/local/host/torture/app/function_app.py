"""Families of orchestrations: activities one after another and side by side, timers, children and their retries."""

import os
import random
import time
from collections.abc import Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from durabletask.task import (
    ActivityContext,
    OrchestrationContext,
    RetryPolicy,
    Task,
    TaskFailedError,
    when_all,
    when_any,
)

Work = Generator[Any, Any, Any]
app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
RETRY = RetryPolicy(first_retry_interval=timedelta(seconds=0.1), max_number_of_attempts=3)


@app.route(route="families/{number:int}", methods=["PUT"])
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client: df.DurableFunctionsClient) -> func.HttpResponse:
    number = int(req.route_params["number"])
    instance = await client.schedule_new_orchestration("family", input=number, instance_id=f"family-{number}")
    return func.HttpResponse(instance, status_code=202)


@app.orchestration_trigger(context_name="ctx")
def family(ctx: OrchestrationContext, number: int) -> Work:
    """Give a sum that only comes out if each part ran once as far as the history knows."""
    name = ctx.instance_id
    first = yield ctx.call_activity("note", input=[f"{name}/first", number])
    side = yield when_all([ctx.call_activity("note", input=[f"{name}/side-{each}", each]) for each in range(3)])
    yield ctx.create_timer(timedelta(seconds=0.2 + number % 7 / 10))
    children: list[Task[Any]] = [
        ctx.call_sub_orchestrator("child", input=[number, each], instance_id=f"{name}-child-{each}")
        for each in range(2)
    ]
    grown = yield when_all(children)
    winner = yield when_any(
        [ctx.create_timer(timedelta(minutes=10)), ctx.call_activity("note", input=[f"{name}/race", 1])]
    )
    failed = 0
    try:
        yield ctx.call_activity("refuse", input=f"{name}/refused", retry_policy=RETRY)
    except TaskFailedError:
        failed = 1
    counted = yield ctx.call_sub_orchestrator("count_down", input=[f"{name}-count", 3], instance_id=f"{name}-count")
    last = yield ctx.call_activity("note", input=[f"{name}/last", 1])
    return first + sum(side) + sum(grown) + winner.get_result() + failed + counted + last


@app.orchestration_trigger(context_name="ctx")
def child(ctx: OrchestrationContext, work: list[int]) -> Work:
    number, which = work
    value = yield ctx.call_activity("note", input=[f"{ctx.instance_id}/a", number])
    yield ctx.create_timer(timedelta(seconds=0.1 + which / 5))
    return value + (yield ctx.call_activity("note", input=[f"{ctx.instance_id}/b", which]))


@app.orchestration_trigger(context_name="ctx")
def count_down(ctx: OrchestrationContext, work: list[Any]) -> Work:
    name, left = work
    yield ctx.call_activity("note", input=[f"{name}/{left}", 0])
    if left:
        ctx.continue_as_new([name, left - 1])
        return None
    return 5


@app.activity_trigger(input_name="work")
def note(_: ActivityContext, work: list[Any]) -> int:
    """Note down that it begins, take a moment, and give the number."""
    key, number = work
    write_down(key)
    time.sleep(random.random() / 20)
    return int(number)


@app.activity_trigger(input_name="key")
def refuse(_: ActivityContext, key: str) -> None:
    write_down(key)
    raise ValueError(key)


def write_down(key: str) -> None:
    """Add a line whole, whoever else writes and whenever the process is killed."""
    line = f"{time.time():.6f} {key}\n".encode()
    descriptor = os.open(os.environ["NOTES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)
