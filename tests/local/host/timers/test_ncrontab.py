"""NCRONTAB expressions: Azure's and NCrontab's own examples, and a brute-force oracle."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.host.timers.ncrontab import ScheduleNotValid, parse_ncrontab


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def occurrences(expression: str, after: str, count: int) -> list[str]:
    schedule = parse_ncrontab(expression)
    moment, found = at(after), []
    for _ in range(count):
        following = schedule.next_after(moment)
        assert following is not None
        moment = following
        found.append(f"{moment:%Y-%m-%d %H:%M:%S}")
    return found


# 2024-01-01 is a Monday. The examples of MicrosoftDocs/azure-docs, functions-bindings-timer.md, and what they mean.
@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("0 5 * * * *", "2024-01-01 10:05:00", ["2024-01-01 11:05:00", "2024-01-01 12:05:00"]),
        ("0 * 5 * * *", "2024-01-01 05:58:00", ["2024-01-01 05:59:00", "2024-01-02 05:00:00"]),
        ("5-7 * * * * *", "2024-01-01 10:00:05", ["2024-01-01 10:00:06", "2024-01-01 10:00:07", "2024-01-01 10:01:05"]),
        (
            "5,8,10 * * * * *",
            "2024-01-01 10:00:05",
            ["2024-01-01 10:00:08", "2024-01-01 10:00:10", "2024-01-01 10:01:05"],
        ),
        ("0 */5 * * * *", "2024-01-01 18:57:00", ["2024-01-01 19:00:00", "2024-01-01 19:05:00"]),
        ("0 0 * * * *", "2024-01-01 23:30:00", ["2024-01-02 00:00:00", "2024-01-02 01:00:00"]),
        ("0 0 */2 * * *", "2024-01-01 21:00:00", ["2024-01-01 22:00:00", "2024-01-02 00:00:00"]),
        ("0 0 9-17 * * *", "2024-01-01 16:00:00", ["2024-01-01 17:00:00", "2024-01-02 09:00:00"]),
        ("0 30 9 * * *", "2024-02-28 12:00:00", ["2024-02-29 09:30:00", "2024-03-01 09:30:00"]),
        ("0 30 9 * * 1-5", "2024-01-04 09:30:00", ["2024-01-05 09:30:00", "2024-01-08 09:30:00"]),
        ("0 30 9 * Jan Mon", "2024-01-22 09:30:00", ["2024-01-29 09:30:00", "2025-01-06 09:30:00"]),
        ("*/5 * * * *", "2024-01-01 18:57:30", ["2024-01-01 19:00:00", "2024-01-01 19:05:00"]),
    ],
)
def test_the_documented_examples(expression: str, after: str, expected: list[str]) -> None:
    assert occurrences(expression, after, len(expected)) == expected


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        # Strictly after, to the second: what lies between two seconds belongs to the first.
        ("* * * * * *", "2024-12-31 23:59:59", "2025-01-01 00:00:00"),
        ("0 0 * * * *", "2024-01-01 10:00:00", "2024-01-01 11:00:00"),
        ("0 0 * * * *", "2024-01-01 09:59:59.999999", "2024-01-01 10:00:00"),
        ("0 0 * * * *", "2024-01-01 10:00:00.000001", "2024-01-01 11:00:00"),
        # Names, cut short, in any case; the first that fits.
        ("0 0 0 1 february *", "2024-01-01 00:00:00", "2024-02-01 00:00:00"),
        ("0 0 0 1 DECEM *", "2024-01-01 00:00:00", "2024-12-01 00:00:00"),
        ("0 0 0 1 ju *", "2024-01-01 00:00:00", "2024-06-01 00:00:00"),
        ("0 0 0 * * T", "2024-01-01 00:00:00", "2024-01-02 00:00:00"),
        ("0 0 0 * * sUn", "2024-01-01 00:00:00", "2024-01-07 00:00:00"),
        ("0 0 0 * * Sat-Fri", "2024-01-05 00:00:00", "2024-01-06 00:00:00"),
        # Ranges that run backwards are turned round, not wrapped.
        ("0 0 17-9 * * *", "2024-01-01 17:30:00", "2024-01-02 09:00:00"),
        ("0 0 0 * * Fri-Mon", "2024-01-05 00:00:00", "2024-01-08 00:00:00"),
        # Steps: to the field's maximum, from a range's beginning; below 1, they are 1.
        ("2/5 * * * * *", "2024-01-01 00:00:57", "2024-01-01 00:01:02"),
        ("0 10-40/15 * * * *", "2024-01-01 00:25:00", "2024-01-01 00:40:00"),
        ("0 40-10/15 * * * *", "2024-01-01 00:40:00", "2024-01-01 01:10:00"),
        ("0 0 0 */10 * *", "2024-01-21 00:00:00", "2024-01-31 00:00:00"),
        ("0 0 0 1 */5 *", "2024-01-01 00:00:00", "2024-06-01 00:00:00"),
        ("0 7-7/3 * * * *", "2024-01-01 00:07:00", "2024-01-01 01:07:00"),
        ("0 */100 * * * *", "2024-01-01 00:00:00", "2024-01-01 01:00:00"),
        ("0 58/0 * * * *", "2024-01-01 00:58:00", "2024-01-01 00:59:00"),
        ("0 */-5 * * * *", "2024-01-01 00:01:00", "2024-01-01 00:02:00"),
        # Day and day of the week must both match.
        ("0 45 16 1 * Mon", "2024-01-01 17:00:00", "2024-04-01 16:45:00"),
        ("0 0 0 13 * Fri", "2024-01-01 00:00:00", "2024-09-13 00:00:00"),
        # Months of every length.
        ("0 0 0 31 * *", "2024-01-31 00:00:00", "2024-03-31 00:00:00"),
        ("0 0 0 15,30,31 * *", "2024-02-15 00:00:00", "2024-03-15 00:00:00"),
        ("0 0 0 29 2 *", "2024-02-29 00:00:00", "2028-02-29 00:00:00"),
        ("0 0 0 29 2 *", "2096-02-29 00:00:00", "2104-02-29 00:00:00"),
        ("0 0 0 29 2 Thu", "2024-02-29 00:00:00", "2052-02-29 00:00:00"),
        # Each field begins anew when a larger one moves on (github atifaziz/NCrontab, issue 90).
        ("* 0-1 10 * * *", "2021-02-24 09:50:35", "2021-02-24 10:00:00"),
        ("* * 10 * * *", "2021-02-24 09:50:35", "2021-02-24 10:00:00"),
        ("* 55 * * * *", "2021-02-24 09:50:35", "2021-02-24 09:55:00"),
        ("6 45-47,48,49 * * * *", "2003-01-01 00:49:30", "2003-01-01 01:45:06"),
        (
            "20 * * january,FeB,Mar,april,May,JuNE,July,Augu,SEPT-October,Nov,DECEM *",
            "1988-03-11 14:23",
            "1988-03-11 15:20",
        ),
        # Any number of blanks.
        ("  0   5  * * *  * ", "2024-01-01 10:00:00", "2024-01-01 10:05:00"),
    ],
)
def test_the_rules_of_ncrontab(expression: str, after: str, expected: str) -> None:
    assert parse_ncrontab(expression).next_after(at(after)) == at(expected)


def test_a_moment_in_another_zone_is_taken_as_what_it_is_in_utc() -> None:
    evening = datetime(2024, 1, 1, 23, 30, tzinfo=timezone(timedelta(hours=-5)))
    assert parse_ncrontab("0 0 2 * * *").next_after(evening) == at("2024-01-03 02:00:00")


@pytest.mark.parametrize("expression", ["0 0 0 31 2 *", "0 0 0 30,31 Feb *", "0 0 0 31 4,6,9,11 Mon"])
def test_what_can_never_be_is_said_soon(expression: str) -> None:
    began = time.monotonic()
    assert parse_ncrontab(expression).next_after(at("2024-01-01")) is None
    assert time.monotonic() - began < 1


def test_the_calendar_ends() -> None:
    assert parse_ncrontab("0 0 0 1 1 *").next_after(at("9999-06-01")) is None


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("", "has 0 fields, not the six of 'second minute hour day month day-of-week'"),
        ("* * * *", "has 4 fields"),
        ("0 * * * * * 2024", "has 7 fields"),
        ("0\t*/5 * * * *", "minute: '0\\t*' is no number from 0 to 59"),
        ("60 * * * * *", "second: '60' is no number from 0 to 59"),
        ("0 60 * * * *", "minute: '60' is no number from 0 to 59"),
        ("0 0 24 * * *", "hour: '24' is no number from 0 to 23"),
        ("0 0 0 0 * *", "day: '0' is no number from 1 to 31"),
        ("0 0 0 32 * *", "day: '32' is no number from 1 to 31"),
        ("0 0 0 * 13 *", "month: '13' is no number from 1 to 12, nor the beginning of a name such as January"),
        ("0 0 0 * 0 *", "month: '0'"),
        ("0 0 0 * Janus *", "month: 'Janus'"),
        ("0 0 0 * * 7", "day-of-week: '7' is no number from 0 to 6, nor the beginning of a name such as Sunday"),
        ("0 0 0 * * 0-7", "day-of-week: '7'"),
        ("0 0 0 * * Mondays", "day-of-week: 'Mondays'"),
        ("0 0 0 Mon * *", "day: 'Mon' is no number"),
        ("0 ? * * * *", "minute: '?'"),
        ("0 0 0 L * *", "day: 'L'"),
        ("0 0 0 * * Mon#1", "day-of-week: 'Mon#1'"),
        ("0 5, * * * *", "minute: '' is no number"),
        ("0 0 0 * Jan, *", "month: '' is no number"),
        ("0 ,5 * * * *", "minute: '' is no number"),
        ("0 -5 * * * *", "minute: '' is no number"),
        ("0 5- * * * *", "minute: '' is no number"),
        ("0 1-2-3 * * * *", "minute: '2-3' is no number"),
        ("0 *-5 * * * *", "minute: '*' is no number"),
        ("0 /5 * * * *", "minute: '' is no number"),
        ("0 5/ * * * *", "minute: the step of '5/' is no whole number"),
        ("0 */x * * * *", "minute: the step of '*/x' is no whole number"),
        ("0 1/2/3 * * * *", "minute: the step of '1/2/3' is no whole number"),
        ("0 1.5 * * * *", "minute: '1.5'"),
        ("0 \u0661 * * * *", "minute: '\u0661'"),
        (f"0 {'9' * 5000} * * * *", "minute: '9999"),
    ],
)
def test_a_wrong_expression_is_refused_with_the_field(expression: str, complaint: str) -> None:
    with pytest.raises(ScheduleNotValid) as caught:
        parse_ncrontab(expression)
    assert complaint in str(caught.value)


@dataclass(frozen=True)
class Item:
    """One item of a field, and what it allows by the words of the documentation: no code shared with the parser."""

    text: str
    allowed: frozenset[int]


def field_items(minimum: int, maximum: int, names: list[str]) -> st.SearchStrategy[Item]:
    values = st.integers(minimum, maximum)

    def written(value: int, *, as_name: bool) -> str:
        return names[value - minimum][:3].upper() if names and as_name else str(value)

    single = st.builds(lambda v, n: Item(written(v, as_name=n), frozenset({v})), values, st.booleans())
    star = st.just(Item("*", frozenset(range(minimum, maximum + 1))))
    every = st.builds(
        lambda step: Item(f"*/{step}", frozenset(v for v in range(minimum, maximum + 1) if (v - minimum) % step == 0)),
        st.integers(1, 70),
    )
    onwards = st.builds(
        lambda v, step: Item(f"{v}/{step}", frozenset(w for w in range(v, maximum + 1) if (w - v) % step == 0)),
        values,
        st.integers(1, 70),
    )
    spans = st.builds(
        lambda a, b, n, step: Item(
            f"{written(a, as_name=n)}-{b}" + (f"/{step}" if step else ""),
            frozenset(
                v
                for v in range(minimum, maximum + 1)
                if min(a, b) <= v <= max(a, b) and not (v - min(a, b)) % (step or 1)
            ),
        ),
        values,
        values,
        st.booleans(),
        st.integers(0, 9),
    )
    return st.one_of(single, star, every, onwards, spans)


MONTH_NAMES = "January February March April May June July August September October November December"
DAY_NAMES = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday"


def fields(minimum: int, maximum: int, names: str = "") -> st.SearchStrategy[Item]:
    def joined(items: list[Item]) -> Item:
        return Item(",".join(item.text for item in items), frozenset().union(*(item.allowed for item in items)))

    return st.lists(field_items(minimum, maximum, names.split()), min_size=1, max_size=3).map(joined)


SECONDS, HOURS = fields(0, 59), fields(0, 23)
DAYS, MONTHS, DAYS_OF_WEEK = fields(1, 31), fields(1, 12, MONTH_NAMES), fields(0, 6, DAY_NAMES)
MOMENTS = st.datetimes(datetime(1999, 1, 1), datetime(2105, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
EVERYTHING = Item("*", frozenset(range(60)))


def matches(moment: datetime, parts: list[Item]) -> bool:
    weekday = (moment.weekday() + 1) % 7
    values = [moment.second, moment.minute, moment.hour, moment.day, moment.month, weekday]
    return all(value in part.allowed for value, part in zip(values, parts, strict=True))


def steps(after: datetime, step: timedelta, count: int) -> Iterator[datetime]:
    first = after.replace(microsecond=0) + timedelta(seconds=1)
    return (first + number * step for number in range(count))


@settings(max_examples=60, deadline=None)
@given(st.tuples(SECONDS, SECONDS, HOURS, DAYS, MONTHS, DAYS_OF_WEEK), MOMENTS)
def test_second_by_second(parts: tuple[Item, ...], moment: datetime) -> None:
    """Whatever is found matches, and nothing in the three hours before it, or after the moment, does."""
    found = parse_ncrontab(" ".join(part.text for part in parts)).next_after(moment)
    window = list(steps(moment, timedelta(seconds=1), 3 * 3600))
    expected = next((second for second in window if matches(second, list(parts))), None)
    if expected is not None:
        assert found == expected
        return
    assert found is None or found > window[-1]
    if found is not None:
        assert matches(found, list(parts))
        before = steps(max(moment, found - timedelta(hours=3)), timedelta(seconds=1), 3 * 3600)
        assert not any(matches(second, list(parts)) for second in before if second < found)


@settings(max_examples=60, deadline=None)
@given(st.tuples(DAYS, MONTHS, DAYS_OF_WEEK), st.integers(0, 23), MOMENTS)
def test_day_by_day(parts: tuple[Item, Item, Item], hour: int, moment: datetime) -> None:
    """Every day of the twelve years that can pass between two 29 Februaries on no day of the week, and more."""
    text = f"0 0 {hour} " + " ".join(part.text for part in parts)
    rest = [EVERYTHING, EVERYTHING, EVERYTHING, *parts]
    first = moment.replace(hour=hour, minute=0, second=0, microsecond=0)
    days = [first + timedelta(days=number) for number in range(12 * 366)]
    expected = next((day for day in days if day > moment and matches(day, rest)), None)
    found = parse_ncrontab(text).next_after(moment)
    assert found == expected or (expected is None and (found is None or found > days[-1]))


def test_five_fields_are_six_with_the_second_at_0() -> None:
    for minute, hour, day in product(["*", "*/7", "59"], ["*", "3-5"], ["*", "31"]):
        five, six = parse_ncrontab(f"{minute} {hour} {day} * *"), parse_ncrontab(f"0 {minute} {hour} {day} * *")
        assert five.next_after(at("2024-01-30 05:59:00")) == six.next_after(at("2024-01-30 05:59:00"))


def test_what_can_occur_twice_in_a_minute_is_frequent() -> None:
    assert parse_ncrontab("*/30 * * * * *").is_frequent
    assert not parse_ncrontab("59 * * * * *").is_frequent
    found = occurrences("59 * * * * *", "2024-01-01 00:00:00", 100)
    assert all(at(later) - at(earlier) >= timedelta(minutes=1) for earlier, later in pairwise(found))
