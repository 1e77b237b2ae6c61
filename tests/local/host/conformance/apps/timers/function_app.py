"""Timers of every kind, and an orchestration that sleeps for days."""

import json
import os
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from durabletask.task import OrchestrationContext

JOURNAL = Path(os.environ["JOURNAL"])

app = df.DFApp()


def note(name: str, timer: func.TimerRequest) -> None:
    """Write down what the function was given."""
    line = timer.to_dict()  # type: ignore[no-untyped-call] # azure.functions gives it no type
    with (JOURNAL / name).open("a") as file:
        file.write(f"{json.dumps(line)}\n")


@app.timer_trigger(arg_name="timer", schedule="* * * * * *")
def every_second(timer: func.TimerRequest) -> None:
    note("every_second", timer)


@app.timer_trigger(arg_name="timer", schedule="0 30 4 * * *")
def daily(timer: func.TimerRequest) -> None:
    note("daily", timer)


@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *", run_on_startup=True)
def at_start(timer: func.TimerRequest) -> None:
    note("at_start", timer)


@app.timer_trigger(arg_name="timer", schedule="%HOURLY%")
def hourly(timer: func.TimerRequest) -> None:
    """Its schedule is a setting, so that a test can choose the minute."""
    note("hourly", timer)


@app.orchestration_trigger(context_name="context")
def sleep(ctx: OrchestrationContext, days: float) -> Generator[Any, Any, float]:
    began = ctx.current_utc_datetime
    yield ctx.create_timer(timedelta(days=days))
    return (ctx.current_utc_datetime - began) / timedelta(days=1)
