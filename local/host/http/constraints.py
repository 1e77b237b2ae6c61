"""What a route parameter's value may be, as ASP.NET Core's inline constraints say it.

Source: dotnet/aspnetcore, src/Http/Routing/src/Constraints; numbers are read as .NET reads them in the invariant
culture.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

Check = Callable[[str], bool]

_INT32: Final = range(-(2**31), 2**31)
_INT64: Final = range(-(2**63), 2**63)
# Twenty digits are more than any of them has: what is longer is never turned into a number.
_INTEGER: Final = re.compile(r"\s*[+-]?0*[0-9]{1,20}\s*")
_UNSIGNED: Final = r"(?:[0-9][0-9,]*\.?[0-9]*|\.[0-9]+)"
_DECIMAL: Final = re.compile(rf"\s*[+-]?{_UNSIGNED}\s*")
_FLOAT: Final = re.compile(rf"\s*[+-]?(?:{_UNSIGNED}(?:e[+-]?[0-9]+)?|Infinity|NaN)\s*", re.IGNORECASE)
_HEX: Final = "[0-9a-f]"
_DASHED: Final = rf"{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}"
_GUID: Final = re.compile(rf"{_HEX}{{32}}|{_DASHED}|\{{{_DASHED}\}}|\({_DASHED}\)", re.IGNORECASE)
_ALPHA: Final = re.compile(r"[a-z]*", re.IGNORECASE)
_LARGEST_DECIMAL: Final = Decimal(2**96 - 1)
# .NET reads far more; these are what a path can hold without being encoded, and the forms that its documentation uses.
_DATE_FORMATS: Final = ("%Y-%m-%d %I:%M%p", "%Y-%m-%d %I:%M:%S%p", "%m/%d/%Y", "%m-%d-%Y", "%d %b %Y", "%d %B %Y")


class Constraint(NamedTuple):
    """A constraint as the template writes it, and what it does."""

    text: str
    allows: Check


def make_constraint(name: str, arguments: str | None) -> Constraint:
    """Make a constraint from its name, in any case, and what stands in its parentheses; raises ValueError."""
    text = name if arguments is None else f"{name}({arguments})"
    if name.lower() == "regex":
        return Constraint(text, _make_regex(text, arguments))
    if arguments is None and (check := _PLAIN.get(name.lower())) is not None:
        return Constraint(text, check)
    numbers = _read_numbers(arguments)
    make = _MEASURES.get((name.lower(), len(numbers)))
    if make is None:
        message = f"'{text}' is no constraint that this host knows"
        raise ValueError(message)
    return Constraint(text, make(*numbers))


def _read_numbers(arguments: str | None) -> tuple[int, ...]:
    parts = (arguments or "").split(",")
    return tuple(int(part) for part in parts) if all(_INTEGER.fullmatch(part) for part in parts) else ()


def _make_regex(text: str, pattern: str | None) -> Check:
    try:
        compiled = re.compile(pattern or "", re.IGNORECASE)
    except re.error as error:
        message = f"'{text}' is no regular expression that this host can read: {error}"
        raise ValueError(message) from None
    return lambda value: compiled.search(value) is not None


def _is_integer_in(values: range) -> Check:
    return lambda value: _INTEGER.fullmatch(value) is not None and int(value) in values


def _is_decimal(value: str) -> bool:
    return _DECIMAL.fullmatch(value) is not None and Decimal(value.replace(",", "")).copy_abs() <= _LARGEST_DECIMAL


def _is_float(value: str) -> bool:
    return _FLOAT.fullmatch(value) is not None


def _is_date(value: str) -> bool:
    # ISO 8601 may do without separators, .NET never does.
    return not value.isdigit() and any(_reads_as_date(value, form) for form in (None, *_DATE_FORMATS))


def _reads_as_date(value: str, form: str | None) -> bool:
    """Say whether a value is a date of a form, or of ISO 8601 for None."""
    try:
        datetime.fromisoformat(value) if form is None else datetime.strptime(value, form)  # noqa: DTZ007 - not kept
    except ValueError:
        return False
    return True


_PLAIN: Final[Mapping[str, Check]] = {
    "int": _is_integer_in(_INT32),
    "long": _is_integer_in(_INT64),
    "bool": lambda value: value.strip().lower() in {"true", "false"},
    "decimal": _is_decimal,
    "double": _is_float,
    "float": _is_float,
    "guid": lambda value: _GUID.fullmatch(value.strip()) is not None,
    "datetime": _is_date,
    "alpha": lambda value: _ALPHA.fullmatch(value) is not None,
    "required": lambda value: value != "",
}


def _make_range(lowest: int, highest: int) -> Check:
    is_long = _is_integer_in(_INT64)
    return lambda value: is_long(value) and lowest <= int(value) <= highest


def _make_length(shortest: int, longest: int) -> Check:
    return lambda value: shortest <= len(value) <= longest


_MEASURES: Final[Mapping[tuple[str, int], Callable[..., Check]]] = {
    ("length", 1): lambda length: _make_length(length, length),
    ("length", 2): _make_length,
    ("minlength", 1): lambda shortest: lambda value: len(value) >= shortest,
    ("maxlength", 1): lambda longest: lambda value: len(value) <= longest,
    ("min", 1): lambda lowest: _make_range(lowest, _INT64[-1]),
    ("max", 1): lambda highest: _make_range(_INT64[0], highest),
    ("range", 2): _make_range,
}
