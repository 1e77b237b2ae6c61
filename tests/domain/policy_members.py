"""The tables of the policy's members in docs/policy.md, from the models' own descriptions.

`.venv/bin/python -m tests.domain.policy_members` writes them again.
"""

import json
from pathlib import Path
from typing import Final

from pydantic.fields import FieldInfo

from domain.model import Model
from domain.policy import (
    ApprovalRules,
    BackupPlace,
    CallerEntry,
    CleanupRules,
    EnvironmentRules,
    NewSubscriptions,
    OptIn,
    OptInTag,
    Policy,
    ReconciliationRules,
)

GUIDE: Final = Path(__file__).parents[2] / "docs" / "policy.md"
BEGIN: Final = "<!-- The tables up to the end mark are generated: python -m tests.domain.policy_members -->\n"
END: Final = "<!-- end of the tables -->\n"

_TABLES: Final[dict[str, type[Model]]] = {
    "The policy": Policy,
    "Each of `callers`": CallerEntry,
    "Each of `environments`, by its name": EnvironmentRules,
    "`approval`": ApprovalRules,
    "Each of `backupPlaces`": BackupPlace,
    "`cleanup`": CleanupRules,
    "`reconciliation`": ReconciliationRules,
    "`newSubscriptions`": NewSubscriptions,
    "`newSubscriptions.optIn`": OptIn,
    "`newSubscriptions.optIn.tag`": OptInTag,
}


def members_tables() -> str:
    """Write a table for each part of the policy: its members, their meanings and defaults."""
    return "\n".join(_table(title, model) for title, model in _TABLES.items())


def replace_tables(guide: str) -> str:
    """Give the guide with the tables as the models have them."""
    before, _, rest = guide.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{members_tables()}\n{END}{after}"


def _table(title: str, model: type[Model]) -> str:
    rows = [f"| `{field.alias}` | {field.description} | {_default(field)} |" for field in model.model_fields.values()]
    return "\n".join([f"### {title}", "", "| member | meaning | default |", "|---|---|---|", *rows, ""])


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = _plain(field.get_default(call_default_factory=True, validated_data={}))
    return "none" if value is None else f"`{json.dumps(value)}`"


def _plain(value: object) -> object:
    if isinstance(value, Model):
        return value.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    return value


if __name__ == "__main__":
    GUIDE.write_text(replace_tables(GUIDE.read_text()))
