"""Who is to get local roles and may not exist, though that is accepted."""

from collections.abc import Set
from typing import Final

from domain.records import Notice

_NAMED: Final = 3


def find_principal_warnings(wanted: Set[str], found: Set[str] | None) -> list[Notice]:
    """Say which principals the directory does not know; `found` is None where nobody could look."""
    missing = sorted(wanted - found) if found is not None else []
    if not missing:
        return []
    others = f" and {len(missing) - _NAMED} others" if len(missing) > _NAMED else ""
    message = (
        f"The directory has nobody with the object id {', '.join(missing[:_NAMED])}{others}: a local role is assigned "
        "all the same, and helps nobody until there is somebody."
    )
    return [Notice(code="principal_not_found", message=message)]
