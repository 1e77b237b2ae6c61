"""The page of all that can be asked for of a hand-over, made of the models."""

import json
from collections.abc import Iterator
from typing import get_args

from pydantic.fields import FieldInfo

from domain.handover.local_roles import BUILT_IN_ROLES
from domain.handover.request import Handover
from domain.handover.steps import STEPS_BY_MEMBER
from domain.model import Model


def write_handover_members(generated: str) -> str:
    """Write the page; `generated` is the line that says what it is made of."""
    parts = "\n".join(_write_part(member) for member in STEPS_BY_MEMBER)
    roles = "\n".join(f"| {name} | `{role}` |" for name, role in BUILT_IN_ROLES.items())
    return f"""\
# All that can be asked for of a hand-over

{generated}

The members of `handover` in the request for an HSM, and of `environments.*.handover` in the policy, which holds where a
request says nothing of a part. [handover.md](handover.md) says how each is built, [policy.md](policy.md) who may ask
for what. `[]` is each of a list.

{parts}
## The local roles that every HSM has

A role is named by its name or its GUID. They are the HSM's own, and nothing of Azure RBAC.

| role | GUID |
|---|---|
{roles}
"""


def _write_part(member: str) -> str:
    field = Handover.model_fields[member]
    rows = "\n".join(f"| `{name}` | {meaning} | {default} |" for name, meaning, default in _list_members(field, ""))
    steps = ", ".join(f"`{step}`" for step in STEPS_BY_MEMBER[member])
    return f"""\
## {field.alias}

{_text(field)} Steps: {steps}.

| member | meaning | default |
|---|---|---|
{rows}
"""


def _list_members(field: FieldInfo, prefix: str) -> Iterator[tuple[str, str, str]]:
    """List the members of what is in a field, and of what is in them, by their places below `handover`."""
    model, listed = _model_in(field.annotation)
    if model is None:
        return
    place = f"{prefix}{field.alias}{'[]' if listed else ''}."
    for inner in model.model_fields.values():
        yield f"{place}{inner.alias}", _text(inner), _default(inner)
        yield from _list_members(inner, place)


def _model_in(annotation: object) -> tuple[type[Model] | None, bool]:
    """Find the model that an annotation is of, and whether it is of a list of them."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return annotation, False
    for argument in get_args(annotation):
        model, listed = _model_in(argument)
        if model is not None:
            return model, listed or getattr(annotation, "__origin__", None) is list
    return None, False


def _text(field: FieldInfo) -> str:
    return " ".join((field.description or "").split()).replace("|", "\\|")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    return "none" if value is None else f"`{json.dumps(value)}`"
