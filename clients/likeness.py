"""Whether what Azure describes is as it was asked for: it adds members, and spells resource ids as it likes."""

from typing import Any


def is_like(found: Any, wanted: Any) -> bool:
    """Say whether a JSON value has all that is wanted of it; lists must be as long, and in the same order."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(is_like(found.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(is_like(one, other) for one, other in zip(found, wanted, strict=True))
        )
    if isinstance(wanted, str) and wanted.startswith("/subscriptions/"):
        return isinstance(found, str) and found.lower() == wanted.lower()
    return bool(found == wanted)
