"""What a trigger's schedule may say: expressions, intervals, and settings that hold them."""

from datetime import UTC, datetime, timedelta

import pytest

from local.host.timers.ncrontab import ScheduleNotValid, parse_ncrontab
from local.host.timers.schedule import Interval, parse_schedule

MOMENT = datetime(2024, 1, 1, 10, 0, 0, 250000, UTC)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        # MicrosoftDocs/azure-docs, functions-bindings-timer.md
        ("01:00:00", timedelta(hours=1)),
        ("00:01:00", timedelta(minutes=1)),
        ("25:00:00:00", timedelta(days=25)),
        ("1.00:00:00", timedelta(days=1)),
        # .NET's TimeSpan.Parse
        ("24:00:00", timedelta(days=24)),
        ("24:23:59", timedelta(days=24, hours=23, minutes=59)),
        ("23:59:59", timedelta(hours=23, minutes=59, seconds=59)),
        ("6:12:14:45", timedelta(days=6, hours=12, minutes=14, seconds=45)),
        ("6.12:14", timedelta(days=6, hours=12, minutes=14)),
        ("6:12", timedelta(hours=6, minutes=12)),
        ("6", timedelta(days=6)),
        ("00:00:15", timedelta(seconds=15)),
        (" 00:00:15 ", timedelta(seconds=15)),
    ],
)
def test_intervals(text: str, length: timedelta) -> None:
    schedule = parse_schedule(text, {})
    assert schedule == Interval(length)
    assert schedule.next_after(MOMENT) == MOMENT + length


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("soon", "'soon' is neither an NCRONTAB expression nor an interval such as 00:30:00"),
        ("", "'' is neither"),
        ("-00:01:00", "is neither"),
        ("00:01:00:00:00", "is neither"),
        ("1.5", "is neither"),
        ("\u0661:00:00", "is neither"),
        ("00:60:00", "minutes of '00:60:00': 60 is more than 59"),
        ("00:00:60", "seconds of '00:00:60': 60 is more than 59"),
        ("1.24:00:00", "hours of '1.24:00:00': 24 is more than 23"),
        ("25:24:00", "hours of '25:24:00': 24 is more than 23"),
        ("24:00", "hours of '24:00': 24 is more than 23"),
        ("99999999", "days of '99999999': 99999999 is more than 10675199"),
        ("00:00:00", "'00:00:00' is no time at all"),
        ("0 0 0 * * 7", "day-of-week: '7'"),
        ("every 5 minutes", "'every 5 minutes' has 3 fields"),
    ],
)
def test_what_is_no_schedule_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ScheduleNotValid) as caught:
        parse_schedule(text, {})
    assert complaint in str(caught.value)


def test_an_interval_beyond_the_calendar_never_comes() -> None:
    assert parse_schedule("10675199", {}).next_after(MOMENT) is None


@pytest.mark.parametrize(
    ("text", "settings", "expected"),
    [
        ("%SCHEDULE%", {"SCHEDULE": "0 */5 * * * *"}, parse_ncrontab("0 */5 * * * *")),
        ("%SCHEDULE%", {"SCHEDULE": "1.00:00:00"}, Interval(timedelta(days=1))),
        ("0 %MINUTE% %HOUR% * * *", {"MINUTE": "30", "HOUR": "9"}, parse_ncrontab("0 30 9 * * *")),
        ("%schedule%", {"Schedule": "00:05:00"}, Interval(timedelta(minutes=5))),
        ("%Fleet:Schedule%", {"Fleet__Schedule": "00:05:00"}, Interval(timedelta(minutes=5))),
        ("0 */5 * * * *", {"0 */5 * * * *": "00:05:00"}, parse_ncrontab("0 */5 * * * *")),
    ],
)
def test_settings_are_put_in(text: str, settings: dict[str, str], expected: object) -> None:
    assert parse_schedule(text, settings) == expected


def test_a_setting_that_is_missing_is_named() -> None:
    with pytest.raises(ScheduleNotValid, match="'%SCHEDULE%' needs the setting 'SCHEDULE', which is not set"):
        parse_schedule("%SCHEDULE%", {"OTHER": "00:05:00"})


def test_a_setting_is_not_looked_into() -> None:
    with pytest.raises(ScheduleNotValid, match="'%B%' is neither"):
        parse_schedule("%A%", {"A": "%B%", "B": "00:05:00"})


@pytest.mark.parametrize(("text", "frequent"), [("00:00:59", True), ("00:01:00", False), ("0.00:01", False)])
def test_less_than_a_minute_is_frequent(text: str, frequent: bool) -> None:
    assert parse_schedule(text, {}).is_frequent is frequent


def test_schedules_say_what_they_are() -> None:
    assert str(parse_schedule("%S%", {"S": "0 */5 * * * *"})) == "NCRONTAB 0 */5 * * * *"
    assert str(parse_schedule("00:05:00", {})) == "every 0:05:00"
