"""The part of Resource Graph's query language that the local Azure understands; it refuses the rest by name.

    TABLE | where FIELD =~ 'text' and FIELD == 'text' and FIELD in~ ('a', 'b')
          | project FIELD, NAME = FIELD | order by FIELD asc

A field is a column, or a path into one: `properties.state`, `tags['name']`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

type Row = dict[str, Any]
type Path = tuple[str, ...]

_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?P<name>[A-Za-z_]\w*~?)|(?P<sign>=~|==|[|,.=()\[\]]))"""
)


class NotUnderstood(Exception):  # noqa: N818 - it is the query's fault
    """A query that the local Azure does not understand; its text says where that begins."""


class Where(NamedTuple):
    """Rows whose field is one of some texts."""

    path: Path
    texts: tuple[str, ...]
    any_case: bool


class Project(NamedTuple):
    """The columns that remain, by their new names."""

    columns: dict[str, Path]


class Order(NamedTuple):
    """The column by which rows are ordered."""

    path: Path
    descending: bool


class Query(NamedTuple):
    """A table, and what is done to its rows, in this order."""

    table: str
    steps: tuple[Where | Project | Order, ...]


def read_query(text: str) -> Query:
    """Read a query; raises NotUnderstood."""
    return _Reader(text).read()


def run_query(query: Query, columns: Mapping[str, bool], rows: list[Row]) -> list[Row]:
    """Give what a query finds in rows of these columns, which are texts or not.

    Raises NotUnderstood for a column that there is not, and, as Kusto does, for an order by what is no text.
    """
    known = dict(columns)
    for step in query.steps:
        paths = step.columns.values() if isinstance(step, Project) else [step.path]
        for path in paths:
            if path[0] not in known:
                raise NotUnderstood(f"there is no column '{path[0]}'")
        if isinstance(step, Project):
            known = {name: len(path) == 1 and known[path[0]] for name, path in step.columns.items()}
            rows = [{name: _look_up(row, path) for name, path in step.columns.items()} for row in rows]
        elif isinstance(step, Where):
            rows = [row for row in rows if _holds(step, _look_up(row, step.path))]
        elif len(step.path) > 1 or not known[step.path[0]]:
            raise NotUnderstood("an order by what is no text")
        else:
            rows = sorted(rows, key=lambda row: _sort_key(_look_up(row, step.path)), reverse=step.descending)
    return rows


class _Reader:
    """Reads a query from its beginning to its end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0
        self._steps: dict[str, Callable[[], Sequence[Where | Project | Order]]] = {
            "where": self._read_where,
            "project": self._read_project,
            "order": self._read_order,
        }

    def read(self) -> Query:
        table = self._take("name")
        steps: list[Where | Project | Order] = []
        while self._text[self._place :].strip():
            self._expect("|")
            begin = self._place
            read = self._steps.get(self._take("name"))
            if read is None:
                raise self._refusal(begin)
            steps += read()
        return Query(table, tuple(steps))

    def _read_where(self) -> list[Where]:
        conditions = [self._read_condition()]
        while self._accept("and"):
            conditions.append(self._read_condition())
        return conditions

    def _read_condition(self) -> Where:
        path = self._read_path()
        if self._accept("in~"):
            self._expect("(")
            texts = [self._read_text()]
            while self._accept(","):
                texts.append(self._read_text())
            self._expect(")")
            return Where(path, tuple(texts), any_case=True)
        if self._accept("=="):
            return Where(path, (self._read_text(),), any_case=False)
        self._expect("=~")
        return Where(path, (self._read_text(),), any_case=True)

    def _read_project(self) -> list[Project]:
        columns: dict[str, Path] = {}
        while not columns or self._accept(","):
            path = self._read_path()
            if len(path) == 1 and self._accept("="):
                columns[path[0]] = self._read_path()
            else:
                # As Kusto names a column that is a path.
                columns["_".join(path)] = path
        return [Project(columns)]

    def _read_order(self) -> list[Order]:
        self._expect("by")
        path = self._read_path()
        if self._accept("asc"):
            return [Order(path, descending=False)]
        # What Kusto does unasked, too.
        self._accept("desc")
        return [Order(path, descending=True)]

    def _read_path(self) -> Path:
        path = [self._take("name")]
        while True:
            if self._accept("."):
                path.append(self._take("name"))
            elif self._accept("["):
                path.append(self._read_text())
                self._expect("]")
            else:
                return tuple(path)

    def _read_text(self) -> str:
        return re.sub(r"\\(.)", r"\1", self._take("text")[1:-1])

    def _take(self, kind: str) -> str:
        found = _TOKEN.match(self._text, self._place)
        if found is None or found[kind] is None:
            raise self._refusal(self._place)
        self._place = found.end()
        return found[kind]

    def _accept(self, word: str) -> bool:
        found = _TOKEN.match(self._text, self._place)
        if found is None or word not in (found["name"], found["sign"]):
            return False
        self._place = found.end()
        return True

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            raise self._refusal(self._place)

    def _refusal(self, place: int) -> NotUnderstood:
        rest = self._text[place:].strip()
        return NotUnderstood(f"at '{rest[:40]}'" if rest else "at the end")


def _look_up(row: Row, path: Path) -> object:
    value: Any = row
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _holds(condition: Where, value: object) -> bool:
    if not isinstance(value, str):
        return False
    if condition.any_case:
        return value.lower() in {text.lower() for text in condition.texts}
    return value in condition.texts


def _sort_key(value: object) -> tuple[bool, str]:
    """Order by texts, and what there is not before all of them."""
    return value is not None, str(value or "")
