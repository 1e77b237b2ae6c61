"""What a timer trigger's `schedule` may say: an NCRONTAB expression or an interval, or settings that hold them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from local.host.timers.ncrontab import Ncrontab, ScheduleNotValid, parse_ncrontab

_TIME_SPAN: Final = re.compile(r"[0-9]{1,8}(?:[.][0-9]{1,8}:[0-9]{1,8}(?::[0-9]{1,8})?|(?::[0-9]{1,8}){0,3})")
_LARGEST_OF_TIME_SPAN: Final = {"days": 10675199, "hours": 23, "minutes": 59, "seconds": 59}


@dataclass(frozen=True)
class Interval:
    """A constant time from the beginning of one invocation to the beginning of the next."""

    length: timedelta

    def __str__(self) -> str:
        return f"every {self.length}"

    @property
    def is_frequent(self) -> bool:
        """Whether it can occur twice in less than a minute."""
        return self.length < timedelta(minutes=1)

    def next_after(self, moment: datetime) -> datetime | None:
        """Give its first occurrence when the one before was at a moment, in UTC; None where the calendar ends."""
        try:
            return moment.astimezone(UTC) + self.length
        except OverflowError:
            return None


type Schedule = Ncrontab | Interval


def parse_schedule(text: str, settings: Mapping[str, str]) -> Schedule:
    """Read a schedule, with each `%NAME%` in it replaced by the setting; raises ScheduleNotValid.

    One word is an interval, more are an NCRONTAB expression (github Azure/azure-webjobs-sdk-extensions,
    TimerSchedule.cs and ConstantSchedule.cs).
    """
    resolved = _resolve(text, settings).strip()
    return parse_ncrontab(resolved) if " " in resolved else Interval(_parse_time_span(resolved))


def _resolve(text: str, settings: Mapping[str, str]) -> str:
    known = {_setting_key(name): value for name, value in settings.items()}

    def look_up(match: re.Match[str]) -> str:
        try:
            return known[_setting_key(match[1])]
        except KeyError:
            message = f"{text!r} needs the setting {match[1]!r}, which is not set"
            raise ScheduleNotValid(message) from None

    return re.sub("%([^%]*)%", look_up, text)


def _setting_key(name: str) -> str:
    """Give the form in which names of .NET's configuration are compared; an environment variable writes `:` as `__`."""
    return name.replace("__", ":").casefold()


def _parse_time_span(text: str) -> timedelta:
    """Read what .NET's TimeSpan.Parse takes, without a sign or fractions.

    That is `d`, `hh:mm`, `hh:mm:ss`, `d.hh:mm`, `d.hh:mm:ss` or `d:hh:mm:ss`, and where three parts begin with more
    than 23, `d:hh:mm` (MicrosoftDocs/azure-docs, functions-bindings-timer.md: `24:00:00` is 24 days).
    """
    if not _TIME_SPAN.fullmatch(text):
        message = f"{text!r} is neither an NCRONTAB expression nor an interval such as 00:30:00 or 1.00:00:00"
        raise ScheduleNotValid(message)
    numbers = [int(number) for number in re.split("[.:]", text)]
    with_days = "." in text or len(numbers) in (1, 4) or (len(numbers) == 3 and numbers[0] > 23)
    parts = dict(zip(list(_LARGEST_OF_TIME_SPAN)[0 if with_days else 1 :], numbers, strict=False))
    for name, value in parts.items():
        if value > _LARGEST_OF_TIME_SPAN[name]:
            message = f"{name} of {text!r}: {value} is more than {_LARGEST_OF_TIME_SPAN[name]}"
            raise ScheduleNotValid(message)
    length = timedelta(**parts)
    if not length:
        message = f"{text!r} is no time at all"
        raise ScheduleNotValid(message)
    return length
