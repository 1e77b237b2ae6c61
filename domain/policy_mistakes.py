"""What is wrong with a policy document, in a sentence for each mistake that begins with its place.

A place names members only, and a sentence holds no value: whoever put a secret in the wrong place would read it in the
log.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import UUID

from pydantic import ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

type Place = tuple[int | str, ...]

_SENTENCES: Final = {
    "missing": "This is required.",
    "extra_forbidden": "There is no such member.",
    "string_type": "This is a text in quotes.",
    "string_unicode": "This holds something that is not Unicode.",
    "list_type": "This is a list.",
    "dict_type": "This is an object.",
    "model_type": "This is an object.",
    "bool_type": "This is true or false.",
    "int_type": "This is a whole number.",
    "float_type": "This is a number.",
    "finite_number": "This is a number.",
    "too_short": "This is empty: nothing would be allowed.",
    "string_too_long": "This has at most {max_length} characters.",
    "greater_than_equal": "This is {ge:g} or more.",
    "less_than_equal": "This is {le:g} or less.",
    "literal_error": "This is one of {expected}.",
}
_OWN: Final = frozenset({"policy_mistake", "invalid_field"})
_MEMBER: Final = re.compile(r"[A-Za-z0-9_ .-]{1,40}")


class _Members(dict[str, Any]):
    """An object of the document, and which of its members came more than once."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.repeated = [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]


def read_members(text: str) -> tuple[object, list[str]]:
    """Read JSON; give what it says, and a mistake for each member that an object has more than once.

    Raises ValueError with a sentence if it cannot be read.
    """
    try:
        document = json.loads(text, object_pairs_hook=_Members)
        repeated = list(_repeated(document, ()))
    except json.JSONDecodeError as error:
        message = f"policy: This is not JSON: see line {error.lineno}, column {error.colno}."
        raise ValueError(message) from None
    except ValueError:
        message = "policy: This is not JSON: a number in it has too many digits."
        raise ValueError(message) from None
    except RecursionError:
        message = "policy: This is nested too deeply."
        raise ValueError(message) from None
    return document, [f"{name_place(place)}: This is said more than once." for place in repeated]


def _repeated(value: object, place: Place) -> Iterator[Place]:
    if isinstance(value, _Members):
        yield from ((*place, name) for name in value.repeated)
        for name, member in value.items():
            yield from _repeated(member, (*place, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _repeated(item, (*place, index))


def find_contradictions(document: object, always_required: Mapping[str, Mapping[str, bool]]) -> list[str]:
    """Name what the parts of a document say against each other, whatever else is wrong with it."""
    environments, callers = _member(document, "environments"), _member(document, "callers")
    weakened = [
        f"environments.{name}.{to_camel(rule)}: This is always true in {name}, and cannot be false."
        for name, rules in always_required.items()
        for rule in rules
        if _member(_member(environments, name), to_camel(rule)) is False
    ]
    entries = callers if isinstance(callers, list) else []
    opt_in = _member(_member(document, "newSubscriptions"), "optIn")
    return [
        *weakened,
        *_find_tags_alike(_member(document, "requiredTags")),
        *_find_callers(entries),
        *_find_nothing_asked(opt_in),
    ]


def _find_nothing_asked(opt_in: object) -> list[str]:
    if not isinstance(opt_in, dict) or any(opt_in.get(name) is not None for name in ("tag", "managementGroups")):
        return []
    return ["newSubscriptions.optIn: This has tag or managementGroups, or both: otherwise every subscription opted in."]


def _find_tags_alike(tags: object) -> list[str]:
    names = list(tags) if isinstance(tags, dict) else []
    if len({name.lower() for name in names}) == len(names):
        return []
    return ["requiredTags: Azure does not tell names of tags apart by case: two of these are one."]


def _find_callers(entries: list[Any]) -> list[str]:
    mistakes = []
    seen: dict[str, int] = {}
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            continue
        ids = {kind: entry[kind] for kind in ("application", "group") if entry.get(kind) is not None}
        if len(ids) != 1:
            mistakes.append(f"callers[{index}]: A caller has exactly one of application and group.")
        for kind, text in ids.items():
            first = seen.setdefault(_normal_id(text) or f"callers[{index}].{kind}", index)
            if first != index:
                mistakes.append(f"callers[{index}].{kind}: callers[{first}] has this id, too: make them one entry.")
    return mistakes


def _normal_id(text: object) -> str | None:
    try:
        return str(UUID(text)) if isinstance(text, str) else None
    except ValueError:
        return None


def _member(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None


def describe_mistakes(error: ValidationError) -> list[str]:
    """Say what pydantic refused in words of ours."""
    details = error.errors(include_url=False, include_input=False)
    return [f"{name_place(detail['loc'])}: {_sentence(detail)}" for detail in details]


def _sentence(detail: ErrorDetails) -> str:
    if detail["type"] in _OWN:
        return detail["msg"]
    sentence = _SENTENCES.get(detail["type"], "This is not what docs/policy.md says.")
    return sentence.format_map(detail.get("ctx", {}))


def name_place(place: Place) -> str:
    """Write where something is, such as `callers[2].subscriptions[0]`; a long or odd name is left out."""
    parts = [part for part in place if part != "[key]"]
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{_name(part)}" for part in parts)
    return text.lstrip(".") or "policy"


def _name(member: str) -> str:
    return member if _MEMBER.fullmatch(member) else "(a name)"
