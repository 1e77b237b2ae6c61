"""Writes down when something begins and ends, so that a test sees how much of it goes on at once."""

import os
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import azure.durable_functions as df
from durabletask.entities import EntityContext
from durabletask.task import OrchestrationContext, when_all

app = df.DFApp()


@contextmanager
def written_down(name: str) -> Iterator[None]:
    for sign in ("begins", "ends"):
        with (Path(os.environ["JOURNAL"]) / name).open("a") as journal:
            journal.write(f"{sign}\n")
        if sign == "begins":
            time.sleep(0.15)
            yield


@app.activity_trigger(input_name="name")
def linger(name: str) -> str:
    with written_down("activities"):
        return name


@app.orchestration_trigger(context_name="context")
def many(ctx: OrchestrationContext, count: int) -> Generator[Any, Any, int]:
    results = yield when_all([ctx.call_activity("linger", input="x") for _ in range(count)])
    return len(results)


@app.orchestration_trigger(context_name="context")
def slow_turn(ctx: OrchestrationContext, _: Any) -> str:  # noqa: ARG001 - the signature of an orchestrator
    with written_down("orchestrators"):
        return "done"


@app.orchestration_trigger(context_name="context")
def wait(ctx: OrchestrationContext, name: str) -> Generator[Any, Any, Any]:
    return (yield ctx.wait_for_external_event(name))


@app.entity_trigger(context_name="context", entity_name="slow")
def slow(ctx: EntityContext, _: Any) -> None:
    with written_down("entities"):
        ctx.set_state(1)
