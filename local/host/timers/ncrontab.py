"""NCRONTAB expressions, read as the NCrontab library reads them, on which Azure's timer trigger stands."""

import re
from calendar import Month, monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple

# After so many years the calendar repeats itself, weekdays and leap years included.
_CALENDAR_CYCLE_YEARS: Final = 400


class ScheduleNotValid(ValueError):  # noqa: N818 - it says what happened
    """The text is no schedule; the message names the field, and what is wrong with it."""


class _Field(NamedTuple):
    name: str
    minimum: int
    maximum: int
    names: tuple[str, ...] = ()


_MONTHS: Final = tuple(month.name.capitalize() for month in Month)
_DAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_FIELDS: Final = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day-of-week", 0, 6, _DAYS),
)


@dataclass(frozen=True)
class Ncrontab:
    """A parsed expression: the values that each of its fields allows, in ascending order."""

    text: str
    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    days_of_week: tuple[int, ...]

    def __str__(self) -> str:
        return f"NCRONTAB {self.text}"

    @property
    def is_frequent(self) -> bool:
        """Whether it can occur twice in less than a minute."""
        return len(self.seconds) > 1

    def next_after(self, moment: datetime) -> datetime | None:
        """Give its first occurrence after a moment, in UTC; None where it has none, such as on 31 February."""
        earliest = moment.astimezone(UTC) + timedelta(seconds=1)
        for day in self._days_from(earliest.date()):
            found = self._time_from(earliest.time() if day == earliest.date() else time.min)
            if found is not None:
                return datetime.combine(day, found, UTC)
        return None

    def _days_from(self, earliest: date) -> Iterator[date]:
        """Give the days on which it occurs: day and day of the week must both match."""
        for year in range(earliest.year, min(earliest.year + _CALENDAR_CYCLE_YEARS, MAXYEAR) + 1):
            for month in self.months:
                length = monthrange(year, month)[1]
                for day in (date(year, month, number) for number in self.days if number <= length):
                    if day >= earliest and day.isoweekday() % 7 in self.days_of_week:
                        yield day

    def _time_from(self, earliest: time) -> time | None:
        start = (earliest.hour, earliest.minute, earliest.second)
        times = (
            time(h, m, s)
            for h in self.hours
            for m in self.minutes
            if (h, m) >= start[:2]
            for s in self.seconds
            if (h, m, s) >= start
        )
        return next(times, None)


def parse_ncrontab(text: str) -> Ncrontab:
    """Read an expression of six fields, or of five that leave the second at 0; raises ScheduleNotValid.

    Each field is a list of `*`, values and ranges, each with a step or none. Names may be cut short. A range that runs
    backwards is turned round, `a/n` runs from a to the field's maximum, and a step below 1 counts as 1 (github
    atifaziz/NCrontab, CrontabFieldImpl.cs and CrontabField.cs; five fields: Azure/azure-webjobs-sdk-extensions,
    CronSchedule.cs).
    """
    parts = [part for part in text.split(" ") if part]
    if len(parts) == len(_FIELDS) - 1:
        parts.insert(0, "0")
    if len(parts) != len(_FIELDS):
        names = " ".join(field.name for field in _FIELDS)
        message = f"{text!r} has {len(parts)} fields, not the six of '{names}' or the last five of them"
        raise ScheduleNotValid(message)
    return Ncrontab(text, *(_parse_field(field, part) for field, part in zip(_FIELDS, parts, strict=True)))


def _parse_field(field: _Field, text: str) -> tuple[int, ...]:
    return tuple(sorted({value for item in text.split(",") for value in _parse_item(field, item)}))


def _parse_item(field: _Field, item: str) -> range:
    base, slash, step = item.partition("/")
    if slash and not re.fullmatch(r"[+-]?[0-9]{1,9}", step):
        message = f"{field.name}: the step of {item!r} is no whole number"
        raise ScheduleNotValid(message)
    first, dash, last = base.partition("-")
    if base == "*":
        low, high = field.minimum, field.maximum
    elif dash:
        low, high = sorted((_parse_value(field, first), _parse_value(field, last)))
    else:
        low = _parse_value(field, base)
        high = field.maximum if slash else low
    return range(low, high + 1, max(1, int(step or 1)))


def _parse_value(field: _Field, text: str) -> int:
    for number, name in enumerate(field.names, field.minimum):
        if text and name.lower().startswith(text.lower()):
            return number
    if re.fullmatch(r"[0-9]{1,9}", text) and field.minimum <= int(text) <= field.maximum:
        return int(text)
    names = f", nor the beginning of a name such as {field.names[0]}" if field.names else ""
    message = f"{field.name}: {text!r} is no number from {field.minimum} to {field.maximum}{names}"
    raise ScheduleNotValid(message)
