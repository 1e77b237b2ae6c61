"""Which key opens what, where it may stand, and what is kept."""

import json
from pathlib import Path
from typing import Any, Literal

import pytest
from starlette.requests import Request

from local.host.keys import DURABLE_TASK, EVENT_GRID, Keys, KeysDamaged, Level

Door = Literal["anonymous", "function", "other", "admin", "event grid", "durable task"]
DOORS: tuple[Door, ...] = ("anonymous", "function", "other", "admin", "event grid", "durable task")


def request(*, headers: list[tuple[str, str]] | None = None, query: str = "") -> Request:
    encoded = [(name.encode(), value.encode()) for name, value in headers or []]
    return Request({"type": "http", "headers": encoded, "query_string": query.encode()})


def with_key(key: str) -> Request:
    return request(headers=[("x-functions-key", key)])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def load(path: Path, *names: str, enforced: bool = True) -> Keys:
    return Keys.load(path, names or ("f", "g"), enforced=enforced)


def opens(keys: Keys, sent: Request, door: Door) -> bool:
    match door:
        case "admin":
            return keys.open_admin(sent)
        case "event grid":
            return keys.open_extension(sent, EVENT_GRID)
        case "durable task":
            return keys.open_extension(sent, DURABLE_TASK)
        case "anonymous":
            return keys.open_function(sent, "f", "ANONYMOUS")
        case _:
            return keys.open_function(sent, "f" if door == "function" else "g", "FUNCTION")


@pytest.mark.parametrize(
    ("of", "doors"),
    [
        (("master",), set(DOORS)),
        (("host", "default"), {"anonymous", "function", "other"}),
        (("functions", "f", "default"), {"anonymous", "function"}),
        (("functions", "g", "default"), {"anonymous", "other"}),
        (("system", EVENT_GRID), {"anonymous", "event grid"}),
        (("system", DURABLE_TASK), {"anonymous", "durable task"}),
    ],
)
def test_what_each_key_opens(path: Path, of: tuple[str, ...], doors: set[Door]) -> None:
    keys = load(path)
    key: Any = json.loads(path.read_text())
    for member in of:
        key = key[member]
    assert {door for door in DOORS if opens(keys, with_key(key), door)} == doors


@pytest.mark.parametrize("sent", ["", "wrong", "ü€", "default"])
def test_what_no_key_opens(path: Path, sent: str) -> None:
    keys = load(path)
    assert [door for door in DOORS if opens(keys, with_key(sent), door)] == ["anonymous"]
    assert [door for door in DOORS if opens(keys, request(query=f"code={sent}"), door)] == ["anonymous"]
    assert [door for door in DOORS if opens(keys, request(), door)] == ["anonymous"]


@pytest.mark.parametrize("level", ["FUNCTION", "ADMIN"])
def test_levels(path: Path, level: Level) -> None:
    keys = load(path)
    assert keys.open_function(with_key(keys.contents.master), "f", level)
    assert keys.open_function(with_key(keys.contents.host["default"]), "f", level) is (level == "FUNCTION")
    assert keys.open_function(with_key(keys.contents.functions["f"]["default"]), "f", level) is (level == "FUNCTION")


def test_where_a_key_may_stand(path: Path) -> None:
    keys = load(path)
    right = keys.contents.master
    assert keys.open_admin(request(query=f"a=1&code={right}"))
    assert keys.open_admin(request(query=f"Code={right}"))
    assert keys.open_admin(request(headers=[("x-functions-key", right)], query="code=wrong"))
    assert keys.open_admin(request(headers=[("x-functions-key", right), ("x-functions-key", "wrong")]))
    assert not keys.open_admin(request(headers=[("x-functions-key", "wrong")], query=f"code={right}"))
    assert not keys.open_admin(request(headers=[("x-functions-key", "")], query=f"code={right}"))
    assert not keys.open_admin(request(headers=[("authorization", f"Bearer {right}")]))
    assert not keys.open_admin(request(query=f"code=wrong&code={right}"))


def test_without_enforcement_everything_is_open(path: Path) -> None:
    keys = load(path, enforced=False)
    assert all(opens(keys, request(), door) for door in DOORS)


def test_keys_are_kept_for_their_owner_only_and_differ(path: Path) -> None:
    first = load(path)
    assert path.stat().st_mode & 0o777 == 0o600
    written = path.read_text()
    assert load(path).contents == first.contents
    assert path.read_text() == written
    contents = first.contents
    values = [contents.master, *contents.host.values(), *contents.system.values()]
    values += [key for of_one in contents.functions.values() for key in of_one.values()]
    assert len(set(values)) == len(values) == 6
    assert all(len(value) >= 32 for value in values)


def test_functions_that_come_later_get_keys_and_others_keep_theirs(path: Path) -> None:
    first = load(path, "f").contents
    later = load(path, "f", "new").contents
    assert (later.master, later.host, later.functions["f"]) == (first.master, first.host, first.functions["f"])
    assert later.functions["new"]["default"]
    assert load(path, "f").contents == later


def test_named_keys_open_as_default_ones_do(path: Path) -> None:
    named = {"master": "m", "host": {"partner": "h"}, "functions": {"f": {"portal": "p"}}}
    path.write_text(json.dumps(named))
    keys = load(path)
    assert all(opens(keys, with_key(key), "function") for key in ("m", "h", "p"))
    assert not opens(keys, with_key("p"), "other")
    assert set(keys.contents.functions["f"]) == {"portal", "default"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the document: Invalid JSON"),
        ("{", "the document: Invalid JSON"),
        ("\udcff", "the document: Invalid JSON"),
        ("[]", "the document: "),
        ("{}", "master: Field required"),
        ('{"master": ""}', "master: String should have at least 1 character"),
        ('{"master": "secret", "host": {"default": 12345}}', "host.default: Input should be a valid string"),
        ('{"master": "secret", "functions": {"f": "12345"}}', "functions.f: Input should be an object"),
        ('{"master": "secret", "hosts": {"x": "12345"}}', "hosts: Extra inputs are not permitted"),
    ],
)
def test_a_damaged_file(path: Path, text: str, message: str) -> None:
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(KeysDamaged, match=f"{path}: {message}") as caught:
        load(path)
    assert "secret" not in str(caught.value)
    assert "12345" not in str(caught.value)


def test_contents_show_no_keys(path: Path) -> None:
    keys = load(path)
    assert keys.contents.master not in repr(keys.contents)
    assert keys.contents.functions["f"]["default"] not in repr(keys.contents)
