"""Every way to change a JSON document whose texts may be compact JWEs: by member, by part of a JWE, by byte."""

import copy
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from domain.security_domain.encoding import encode
from tests.security_domain_opener import decode

type Path = tuple[str | int, ...]
type Mutations = Iterator[tuple[str, bytes]]
"""How the document was changed, and what it is now."""

VALUES: Final[tuple[Any, ...]] = (
    None,
    True,
    0,
    1,
    -1,
    3,
    10**30,
    "",
    "x",
    "A" * 43,
    "\u2028\u00e9",
    "x" * 5000,
    [],
    {},
    [[]],
    {"a": {}},
)
HEADERS: Final[tuple[dict[str, Any], ...]] = (
    {"alg": "none"},
    {"alg": "RSA1_5"},
    {"alg": "RSA-OAEP"},
    {"alg": "dir"},
    {"alg": ["RSA-OAEP-256"]},
    {"alg": None},
    {"enc": "A128CBC-HS256"},
    {"enc": "A256GCM"},
    {"enc": {}},
    {"kid": "other"},
    {"kid": 7},
    {"zip": "DEF"},
    {"crit": ["exp"]},
    {"x": 1},
)
PARTS: Final = range(5)


def mutate(text: str, other: str, stride: int) -> Mutations:
    """Change a document in every way; `other` is one of the same form, `stride` the step between changed bytes."""
    document, foreign = json.loads(text), json.loads(other)
    yield from _members(document, foreign)
    yield from _lists(document)
    yield from _swaps(document)
    yield from _twice(document)
    yield from _envelopes(document, foreign)
    yield from _bytes(text.encode(), stride)


def _members(document: Any, foreign: Any) -> Mutations:
    for path in _paths(document):
        yield f"{path} is dropped", _changed(document, path, _drop)
        if isinstance(path[-1], str):
            yield f"{path} has another name", _changed(document, path, _rename)
        for value in VALUES:
            yield f"{path} is {str(value)[:20]!r}", _replaced(document, path, value)
        taken = _look_up(foreign, path)
        if taken is not None:
            yield f"{path} is another document's", _replaced(document, path, taken)


def _lists(document: Any) -> Mutations:
    for path in _paths(document):
        items = _look_up(document, path)
        if not isinstance(items, list):
            continue
        yield f"{path} is turned round", _replaced(document, path, items[::-1])
        yield f"{path} is there 60 times", _replaced(document, path, items * 60)
        for index, item in enumerate(items):
            yield f"{path}[{index}] is there twice", _replaced(document, path, [*items, item])
            yield f"{path}[{index}] is alone", _replaced(document, path, [item])


def _swaps(document: Any) -> Mutations:
    texts = [path for path in _paths(document) if isinstance(_look_up(document, path), str)]
    for first, second in itertools.combinations(texts, 2):
        changed = copy.deepcopy(document)
        _set(changed, first, _look_up(document, second))
        _set(changed, second, _look_up(document, first))
        yield f"{first} and {second} are swapped", _write(changed)


def _twice(document: Any) -> Mutations:
    """Write each member twice, with another value before or after."""
    for path in _paths(document):
        if not isinstance(path[-1], str):
            continue
        value = json.dumps(_look_up(document, path))
        name = json.dumps(path[-1])
        marked = _changed(document, path, _mark).decode()
        for first, second in ((value, value), (value, "null"), ("3", value)):
            twice = marked.replace('"\\u0000": 0', f"{name}: {first}, {name}: {second}")
            yield f"{path} is there twice", twice.encode()


def _envelopes(document: Any, foreign: Any) -> Mutations:
    found = [path for path in _paths(document) if _is_envelope(_look_up(document, path))]
    for path in found:
        compact = _look_up(document, path)
        donors = [_look_up(document, other) for other in found if other != path]
        donors += [taken for taken in [_look_up(foreign, path)] if taken]
        for how, changed in _envelope(compact, donors):
            yield f"{path}: {how}", _replaced(document, path, changed)


def _is_envelope(value: Any) -> bool:
    return isinstance(value, str) and value.count(".") == len(PARTS) - 1


def _envelope(compact: str, donors: list[str]) -> Iterator[tuple[str, str]]:
    parts = compact.split(".")
    yield "it has a part more", f"{compact}."
    yield "it has a part less", compact.rpartition(".")[0]
    for change in HEADERS:
        header = json.dumps({**json.loads(decode(parts[0])), **change}, separators=(",", ":"))
        yield f"its header has {change}", ".".join([encode(header.encode()), *parts[1:]])
    for number in PARTS:
        for how, text in _part(parts[number]):
            yield f"its part {number} {how}", _with(parts, number, text)
        for other in PARTS:
            if other > number:
                yield (
                    f"its parts {number} and {other} are swapped",
                    _with(_with(parts, number, parts[other]).split("."), other, parts[number]),
                )
        for donor in donors:
            yield f"its part {number} is another's", _with(parts, number, donor.split(".")[number])


def _part(text: str) -> Iterator[tuple[str, str]]:
    content = decode(text)
    yield "is empty", ""
    yield "is doubled", encode(content * 2)
    yield "has padding", f"{text}="
    yield "has a line's end", f"{text}\n"
    yield "has a letter more", f"{text}A"
    yield "has a letter less", text[:-1]
    yield "has a star", f"{text[:-1]}*"
    for count in (1, 16):
        yield f"has {count} bytes more", encode(content + bytes(count))
        yield f"has {count} bytes less", encode(content[:-count])
        yield f"lacks its first {count} bytes", encode(content[count:])
    for index in range(0, len(content), max(1, len(content) // 12)):
        bit = 1 << index % 8
        yield (
            f"has another bit at {index}",
            encode(content[:index] + bytes([content[index] ^ bit]) + content[index + 1 :]),
        )
    if len(text) % 4 == 2:
        # The last letter has four bits that mean nothing.
        yield "says the same bytes otherwise", text[:-1] + chr(ord(text[-1]) + 1)


def _bytes(content: bytes, stride: int) -> Mutations:
    for index in range(0, len(content), stride):
        before, after = content[:index], content[index + 1 :]
        yield f"byte {index} has another bit", before + bytes([content[index] ^ 1 << index // stride % 8]) + after
        yield f"byte {index} is missing", before + after
        yield f"byte {index} comes after a quotation mark", before + b'"' + content[index:]
        yield f"it ends at byte {index}", before
        yield f"from byte {index} 40 bytes are there twice", content[: index + 40] + content[index:]


def _paths(value: Any, at: Path = ()) -> list[Path]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, child in children for path in [(*at, key), *_paths(child, (*at, key))]]


def _look_up(value: Any, path: Path) -> Any:
    for key in path:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _changed(document: Any, path: Path, change: Callable[[Any, Any], None]) -> bytes:
    changed = copy.deepcopy(document)
    change(_look_up(changed, path[:-1]), path[-1])
    return _write(changed)


def _replaced(document: Any, path: Path, value: Any) -> bytes:
    changed = copy.deepcopy(document)
    _set(changed, path, value)
    return _write(changed)


def _set(document: Any, path: Path, value: Any) -> None:
    _look_up(document, path[:-1])[path[-1]] = value


def _drop(parent: Any, key: Any) -> None:
    del parent[key]


def _rename(parent: Any, key: Any) -> None:
    parent[f"{key}_"] = parent.pop(key)


def _mark(parent: Any, key: Any) -> None:
    del parent[key]
    parent["\0"] = 0


def _with(parts: list[str], number: int, text: str) -> str:
    return ".".join([*parts[:number], text, *parts[number + 1 :]])


def _write(document: Any) -> bytes:
    return json.dumps(document).encode()
