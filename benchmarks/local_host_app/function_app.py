"""What benchmarks/local_host.py has run, in the local host and on durabletask's plain backend alike."""

import time
from collections.abc import Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
from durabletask.task import ActivityContext, OrchestrationContext

Work = Generator[Any, Any, Any]
app = df.DFApp()


def add_one(_: ActivityContext, number: int) -> int:
    """Add one to a number."""
    return number + 1


def tell_time(_: ActivityContext, __: None) -> float:
    """Tell when it began, in seconds since the epoch."""
    return time.time()


def work(ctx: OrchestrationContext, number: int) -> Work:
    """Run three activities and wait for a second between."""
    number = yield ctx.call_activity("add_one", input=number)
    number = yield ctx.call_activity("add_one", input=number)
    yield ctx.create_timer(timedelta(seconds=1))
    return (yield ctx.call_activity("add_one", input=number))


def call_once(ctx: OrchestrationContext, _: None) -> Work:
    """Run one activity, and tell when it began."""
    return (yield ctx.call_activity("tell_time"))


def wait_long(ctx: OrchestrationContext, _: None) -> Work:
    """Wait for an hour."""
    return (yield ctx.create_timer(timedelta(hours=1)))


for orchestrator in (work, call_once, wait_long):
    app.orchestration_trigger(context_name="ctx")(orchestrator)
for activity in (add_one, tell_time):
    app.activity_trigger(input_name="value")(activity)
