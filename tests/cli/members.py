"""The members of a request by their paths, such as `handover.keys[].name`, and what a body has there."""

from collections.abc import Iterator
from typing import Any, get_args, get_origin

from domain.model import Model


def members_of(model: type[Model], prefix: str = "") -> Iterator[str]:
    """Name all members that are no models themselves; `[]` is each of a list."""
    for name, field in model.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        inner, listed = _model_in(field.annotation)
        if inner is None:
            yield path
        else:
            yield from members_of(inner, f"{path}{'[]' if listed else ''}.")


def values_at(body: Any, path: str) -> Any:
    """Give what a body has at a member; of what is below a list a list, with None where one lacks it."""
    first, _, rest = path.partition(".")
    name = first.removesuffix("[]")
    value = body.get(name) if body else None
    if name != first:
        return [values_at(item, rest) for item in value or []]
    return values_at(value, rest) if rest else value


def is_given(value: Any) -> bool:
    """Say whether a body has anything at a member, in one of a list at least."""
    return any(map(is_given, value)) if isinstance(value, list) else value is not None


def agrees(asked: Any, found: Any) -> bool:
    """Say whether what is found is what was asked for, where anything was."""
    if isinstance(asked, list):
        return len(asked) == len(found) and all(map(agrees, asked, found))
    return asked is None or asked == found


def _model_in(kind: Any, *, listed: bool = False) -> tuple[type[Model] | None, bool]:
    if isinstance(kind, type) and issubclass(kind, Model):
        return kind, listed
    listed = listed or get_origin(kind) is list
    found = (_model_in(part, listed=listed) for part in get_args(kind))
    return next((pair for pair in found if pair[0] is not None), (None, False))
