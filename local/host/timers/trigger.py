"""An app's timer triggers, as their bindings describe them, and what an invocation is given."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from local.host.functions import Function, Input
from local.host.timers.ncrontab import Ncrontab, ScheduleNotValid
from local.host.timers.schedule import Schedule, parse_schedule
from local.host.timers.status import TimerStatus

_TYPE: Final = "timertrigger"
# .NET's DateTime.MinValue: it has not fired yet.
_NOT_YET: Final = datetime.min.replace(tzinfo=UTC)


class TimerNotValid(ValueError):  # noqa: N818 - it says what happened
    """A timer trigger cannot be read; the message names the function, and the field of its binding."""

    def __init__(self, function: Function, field: str, problem: str) -> None:
        super().__init__(f"timer function {function.name}: {field}: {problem}")


@dataclass(frozen=True)
class Timer:
    """A function that a timer starts; `monitored` says that its status outlives the host."""

    function: Function
    schedule: Schedule
    run_on_startup: bool
    monitored: bool


def read_timers(functions: Sequence[Function], settings: Mapping[str, str]) -> list[Timer]:
    """Read the timer triggers of an app; raises TimerNotValid."""
    return [read_timer(function, settings) for function in functions if function.trigger["type"].lower() == _TYPE]


def read_timer(function: Function, settings: Mapping[str, str]) -> Timer:
    """Read a function's timer trigger; raises TimerNotValid.

    A schedule that can occur twice in less than a minute is not monitored, whatever `useMonitor` says (github
    Azure/azure-webjobs-sdk-extensions, TimerSchedule.cs; it counts the occurrences of the minute in which it starts).
    """
    # The host compares the names of a binding's fields without their case: a generic trigger may write any.
    fields = {name.lower(): value for name, value in function.trigger.items()}
    text = fields.get("schedule")
    if not isinstance(text, str) or not text.strip():
        raise TimerNotValid(function, "schedule", "must be a text, and not an empty one")
    try:
        schedule = parse_schedule(text, settings)
    except ScheduleNotValid as error:
        raise TimerNotValid(function, "schedule", str(error)) from error
    use_monitor = _read_flag(function, fields, "useMonitor", default=True)
    run_on_startup = _read_flag(function, fields, "runOnStartup", default=False)
    return Timer(function, schedule, run_on_startup, use_monitor and not schedule.is_frequent)


def _read_flag(function: Function, fields: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = fields.get(name.lower())
    if value is None:
        return default
    if str(value).lower() not in ("true", "false"):
        raise TimerNotValid(function, name, f"{value!r} is neither true nor false")
    return str(value).lower() == "true"


def make_timer_input(timer: Timer, status: TimerStatus | None, *, past_due: bool) -> Input:
    """Give the input of an invocation; where there is no status to tell, it says null.

    The shape is that of TimerInfo.cs and ScheduleStatus.cs in github Azure/azure-webjobs-sdk-extensions, as
    azure.functions reads it.
    """
    info = {
        "Schedule": {"AdjustForDST": isinstance(timer.schedule, Ncrontab)},
        "ScheduleStatus": _describe(status) if status else None,
        "IsPastDue": past_due,
    }
    return Input(timer.function.trigger["name"], "json", json.dumps(info))


def _describe(status: TimerStatus) -> dict[str, str]:
    return {
        "Last": (status.last or _NOT_YET).isoformat(),
        "Next": status.next.isoformat(),
        "LastUpdated": status.last_updated.isoformat(),
    }
