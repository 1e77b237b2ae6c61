"""Timer triggers as azure.functions' decorators describe them, and inputs as its converter reads them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.functions as func
import pytest
from azure.functions.meta import Datum
from azure.functions.timer import TimerRequestConverter

from local.host.functions import Function
from local.host.timers.ncrontab import parse_ncrontab
from local.host.timers.schedule import Interval
from local.host.timers.status import TimerStatus
from local.host.timers.trigger import Timer, TimerNotValid, make_timer_input, read_timer, read_timers


def indexed(app: func.FunctionApp) -> list[Function]:
    """Give the functions of an app as the worker library hands them over."""
    return [
        Function(name, name, tuple(json.loads(binding) for binding in function.get_raw_bindings()))
        for function in app.get_functions()
        if (name := function.get_function_name())
    ]


def function_with(**binding: Any) -> Function:
    return Function("1", "sweep", ({"type": "timerTrigger", "name": "timer", "direction": "IN", **binding},))


def test_the_decorators_are_understood() -> None:
    app = func.FunctionApp()

    @app.timer_trigger(arg_name="timer", schedule="0 */5 * * * *")
    def sweep(timer: func.TimerRequest) -> None: ...

    @app.schedule(arg_name="clock", schedule="%DAILY%", run_on_startup=True, use_monitor=False)
    def clean(clock: func.TimerRequest) -> None: ...

    @app.function_name("generic")
    @app.generic_trigger(arg_name="timer", type="timerTrigger", Schedule="00:05:00", RunOnStartup="true")
    def generic(timer: func.TimerRequest) -> None: ...

    @app.route("ask")
    def ask(req: func.HttpRequest) -> None: ...

    functions = indexed(app)
    assert read_timers(functions, {"DAILY": "1.00:00:00"}) == [
        Timer(functions[0], parse_ncrontab("0 */5 * * * *"), run_on_startup=False, monitored=True),
        Timer(functions[1], Interval(timedelta(days=1)), run_on_startup=True, monitored=False),
        Timer(functions[2], Interval(timedelta(minutes=5)), run_on_startup=True, monitored=True),
    ]


@pytest.mark.parametrize(
    ("binding", "monitored"),
    [
        ({"schedule": "0 * * * * *"}, True),
        ({"schedule": "0 * * * * *", "useMonitor": None}, True),
        ({"schedule": "0 * * * * *", "useMonitor": False}, False),
        ({"schedule": "*/30 * * * * *"}, False),
        ({"schedule": "*/30 * * * * *", "useMonitor": True}, False),
        ({"schedule": "00:00:59", "useMonitor": True}, False),
        ({"schedule": "00:01:00"}, True),
    ],
)
def test_what_is_monitored(binding: dict[str, Any], monitored: bool) -> None:
    assert read_timer(function_with(**binding), {}).monitored is monitored


@pytest.mark.parametrize(
    ("binding", "complaint"),
    [
        ({}, "timer function sweep: schedule: must be a text"),
        ({"schedule": " "}, "timer function sweep: schedule: must be a text"),
        ({"schedule": 5}, "timer function sweep: schedule: must be a text"),
        ({"schedule": "0 0 0 * * 7"}, "timer function sweep: schedule: day-of-week: '7' is no number from 0 to 6"),
        ({"schedule": "%GONE%"}, "timer function sweep: schedule: '%GONE%' needs the setting 'GONE'"),
        ({"schedule": "5 minutes"}, "timer function sweep: schedule: '5 minutes' has 2 fields"),
        ({"schedule": "00:05:00", "runOnStartup": "now"}, "timer function sweep: runOnStartup: 'now' is neither"),
        ({"schedule": "00:05:00", "useMonitor": 1}, "timer function sweep: useMonitor: 1 is neither true nor false"),
    ],
)
def test_a_wrong_trigger_is_refused_in_one_line(binding: dict[str, Any], complaint: str) -> None:
    with pytest.raises(TimerNotValid) as caught:
        read_timers([function_with(**binding)], {})
    assert str(caught.value).startswith(complaint)
    assert "\n" not in str(caught.value)


def read_by_the_worker(given: tuple[str, str, Any]) -> Any:
    name, kind, text = given
    assert name == "timer"
    return TimerRequestConverter.decode(Datum(text, kind), trigger_metadata=None)


def test_an_input_is_what_azure_functions_reads() -> None:
    timer = read_timer(function_with(schedule="0 */5 * * * *"), {})
    moment = datetime(2016, 10, 4, 10, 15, tzinfo=UTC)
    status = TimerStatus(moment, moment + timedelta(minutes=5), moment + timedelta(seconds=0.25))
    request = read_by_the_worker(make_timer_input(timer, status, past_due=True))
    assert request.past_due is True
    assert request.schedule == {"AdjustForDST": True}
    assert request.schedule_status == {
        "Last": "2016-10-04T10:15:00+00:00",
        "Next": "2016-10-04T10:20:00+00:00",
        "LastUpdated": "2016-10-04T10:15:00.250000+00:00",
    }


def test_an_input_without_a_status() -> None:
    timer = read_timer(function_with(schedule="00:00:05"), {})
    given = make_timer_input(timer, None, past_due=False)
    assert json.loads(given.value) == {"Schedule": {"AdjustForDST": False}, "ScheduleStatus": None, "IsPastDue": False}
    request = read_by_the_worker(given)
    assert (request.past_due, request.schedule_status) == (False, {})


def test_a_timer_that_has_not_fired_yet_says_so_as_azure_does() -> None:
    timer = read_timer(function_with(schedule="00:05:00"), {})
    moment = datetime(2016, 10, 4, 10, 15, tzinfo=UTC)
    given = make_timer_input(timer, TimerStatus(None, moment, moment), past_due=False)
    assert json.loads(given.value)["ScheduleStatus"]["Last"] == "0001-01-01T00:00:00+00:00"
