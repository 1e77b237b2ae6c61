"""Route templates, as ASP.NET Core reads and matches them.

Source: dotnet/aspnetcore, src/Http/Routing/src: Patterns/RoutePatternParser.cs, Patterns/RouteParameterParser.cs,
Patterns/RoutePatternMatcher.cs, Template/RoutePrecedence.cs.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final, NamedTuple
from urllib.parse import unquote

from local.host.http.constraints import Constraint, make_constraint

_TOKEN: Final = re.compile(
    r"(?P<slash>/)|(?P<literal>(?:[^{}/]|\{\{|\}\})+)|\{(?P<parameter>(?:[^{}]|\{\{|\}\})*)\}", re.DOTALL
)
_CONSTRAINT: Final = re.compile(r":(?P<name>[^:(=]*)(?:\((?P<arguments>.*?)\)(?=[:=]|$))?", re.DOTALL)
_FORBIDDEN_IN_NAMES: Final = frozenset("/{}?*")


class Parameter(NamedTuple):
    """A named part of a path."""

    name: str
    constraints: tuple[Constraint, ...] = ()
    default: str | None = None
    optional: bool = False
    catch_all: bool = False

    def allows(self, value: str | None) -> bool:
        """Say whether its constraints let a value pass, or that there is none."""
        if value is None:
            return self.optional or not self.constraints
        return all(constraint.allows(value) for constraint in self.constraints)


class Segment(NamedTuple):
    """What stands between two slashes: a literal, a parameter, or several of both."""

    parts: tuple[str | Parameter, ...]
    pattern: re.Pattern[str]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Its parameters, in the order of its pattern's groups."""
        return tuple(part for part in self.parts if isinstance(part, Parameter))

    @property
    def takes_the_rest(self) -> bool:
        """Whether it is a catch-all parameter."""
        return any(parameter.catch_all for parameter in self.parameters)

    @property
    def can_be_left_out(self) -> bool:
        """Whether a path may end before it."""
        only = self.parts[0] if len(self.parts) == 1 else ""
        return isinstance(only, Parameter) and (only.optional or only.catch_all or only.default is not None)

    @property
    def precedence(self) -> int:
        """Its place among others: a literal 1, constrained or of several parts 2, a parameter 3, a catch-all 4 or 5."""
        first = self.parts[0]
        if len(self.parts) > 1 or isinstance(first, str):
            return min(len(self.parts), 2)
        return (5 if first.catch_all else 3) - bool(first.constraints)


class Template(NamedTuple):
    """A parsed template."""

    text: str
    segments: tuple[Segment, ...]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters of all of its segments."""
        return tuple(parameter for segment in self.segments for parameter in segment.parameters)

    @property
    def precedence(self) -> tuple[int, ...]:
        """Sorts templates so that of two that match a path the more specific one comes first."""
        return tuple(segment.precedence for segment in self.segments)

    @property
    def shape(self) -> tuple[object, ...]:
        """Equals another template's if they match the same paths; parameters' names do not matter."""
        return tuple(tuple(_describe(part) for part in segment.parts) for segment in self.segments)

    def match(self, path: str) -> dict[str, str] | None:
        """Give the decoded values of its parameters in a path as it was received, or None where it does not match."""
        values = {parameter.name: parameter.default for parameter in self.parameters if parameter.default is not None}
        rest = path.removeprefix("/")
        for segment in self.segments:
            if rest.startswith("/"):
                return None
            part, rest = (rest, "") if segment.takes_the_rest else _take_part(rest)
            found = _match_segment(segment, part)
            if found is None:
                return None
            values.update(found)
        if rest or not all(parameter.allows(values.get(parameter.name)) for parameter in self.parameters):
            return None
        return values


def _take_part(path: str) -> tuple[str, str]:
    part, _, rest = path.partition("/")
    return part, rest


def _match_segment(segment: Segment, part: str) -> Mapping[str, str] | None:
    if not part:
        return {} if segment.can_be_left_out else None
    match = segment.pattern.fullmatch(unquote(part))
    if match is None:
        return None
    values = zip(segment.parameters, match.groups(), strict=True)
    return {parameter.name: value for parameter, value in values if value is not None}


def parse_template(text: str) -> Template:
    """Parse a template; raises ValueError with what is wrong with it."""
    segments = tuple(_make_segment(parts) for parts in _split(text.removeprefix("/")))
    template = Template(text, segments)
    names = [parameter.name.lower() for parameter in template.parameters]
    for name in names:
        if names.count(name) > 1:
            message = f"there are two parameters '{name}'"
            raise ValueError(message)
    if any(parameter.catch_all for segment in segments[:-1] for parameter in segment.parameters):
        message = "a catch-all parameter must be the last segment"
        raise ValueError(message)
    return template


def _split(text: str) -> Iterator[tuple[str | Parameter, ...]]:
    parts: list[str | Parameter] = []
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            message = f"a brace at '{text[position:]}' has no partner; one that stands for itself is doubled"
            raise ValueError(message)
        position = token.end()
        if token["slash"] is None:
            parts.append(_parse_part(token))
            continue
        if not parts:
            message = "it has two slashes in a row, or starts with one"
            raise ValueError(message)
        yield tuple(parts)
        parts = []
    if parts:
        yield tuple(parts)


def _parse_part(token: re.Match[str]) -> str | Parameter:
    if token["parameter"] is not None:
        return _parse_parameter(_undouble(token["parameter"]))
    literal = _undouble(token["literal"])
    if "?" in literal:
        message = f"'{literal}' contains a question mark"
        raise ValueError(message)
    return literal


def _undouble(text: str) -> str:
    return text.replace("}}", "}").replace("{{", "{")


def _parse_parameter(text: str) -> Parameter:
    inside = text.removeprefix("*").removeprefix("*")
    catch_all = inside != text
    optional = inside.endswith("?")
    inside = inside.removesuffix("?")
    # A name may begin with what would end it later.
    end = next((index for index in range(1, len(inside)) if inside[index] in ":="), len(inside))
    name = inside[:end]
    if not name or _FORBIDDEN_IN_NAMES & set(name):
        message = f"'{name}' is no name for a parameter"
        raise ValueError(message)
    constraints, default = _parse_policies(inside[end:])
    if optional and catch_all:
        message = f"catch-all parameter '{name}' cannot be marked optional, as it is so already"
        raise ValueError(message)
    if optional and default is not None:
        message = f"parameter '{name}' cannot be optional and have a default value"
        raise ValueError(message)
    return Parameter(name, constraints, default, optional, catch_all)


def _parse_policies(text: str) -> tuple[tuple[Constraint, ...], str | None]:
    """Read what follows a parameter's name: its constraints, and its default value."""
    constraints = []
    position = 0
    while (match := _CONSTRAINT.match(text, position)) is not None:
        position = match.end()
        if match["name"] or match["arguments"] is not None:
            constraints.append(make_constraint(match["name"], match["arguments"]))
    rest = text[position:]
    if rest and not rest.startswith("="):
        message = f"'{rest}' is neither a constraint nor a default value"
        raise ValueError(message)
    return tuple(constraints), rest[1:] if rest else None


def _make_segment(parts: tuple[str | Parameter, ...]) -> Segment:
    for before, after in pairwise(parts):
        if isinstance(before, Parameter) and isinstance(after, Parameter):
            message = f"parameter '{after.name}' follows another with nothing between them"
            raise ValueError(message)
    for index, part in enumerate(parts):
        if isinstance(part, Parameter) and len(parts) > 1:
            _check_among_others(part, parts[:index], is_last=index == len(parts) - 1)
    return Segment(parts, re.compile(_make_pattern(parts), re.IGNORECASE | re.DOTALL))


def _check_among_others(parameter: Parameter, before: tuple[str | Parameter, ...], *, is_last: bool) -> None:
    if parameter.catch_all:
        message = f"catch-all parameter '{parameter.name}' must be a segment of its own"
        raise ValueError(message)
    if parameter.optional and not (is_last and len(before) > 1 and before[-1] == "."):
        message = f"optional parameter '{parameter.name}' must be a segment of its own, or come after another and a '.'"
        raise ValueError(message)


def _make_pattern(parts: tuple[str | Parameter, ...]) -> str:
    last = parts[-1]
    if len(parts) > 1 and isinstance(last, Parameter) and last.optional:
        # As short as can be before the last period; one at the very end would leave the parameter without a value.
        return "".join(map(_make_group, parts[:-3])) + r"(.+?)(?:\.([^.]+)|(?<!\.))"
    return "".join(map(_make_group, parts))


def _make_group(part: str | Parameter) -> str:
    return re.escape(part) if isinstance(part, str) else "(.+)"


def _describe(part: str | Parameter) -> object:
    if isinstance(part, str):
        return part.lower()
    texts = tuple(constraint.text for constraint in part.constraints)
    return (texts, part.default, part.optional, part.catch_all)
