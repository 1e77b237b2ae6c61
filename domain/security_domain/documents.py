"""JSON documents read strictly: UTF-8, of a bounded size, every member once."""

import json
from typing import Any, Final

from domain.security_domain.errors import SecurityDomainError

# Real ones have some 20 KB; the parts may be larger than any that was seen.
LARGEST: Final = 1_000_000


def read_document(content: bytes, what: str) -> dict[str, Any]:
    """Read a JSON object; raises SecurityDomainError `not_json`, which calls the document by `what` it shall be."""
    if len(content) > LARGEST:
        raise SecurityDomainError("not_json", f"This is too large for {what}: {len(content):,} bytes.")
    try:
        document = json.loads(
            content.decode("utf-8"), object_pairs_hook=_once_each, parse_constant=_refuse, parse_float=_refuse
        )
    except (ValueError, RecursionError):
        raise SecurityDomainError("not_json", f"This is no JSON document, so it is not {what}.") from None
    if not isinstance(document, dict):
        raise SecurityDomainError("not_json", f"This is not a JSON object, so it is not {what}.")
    return document


def _once_each(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        # Readers differ in which of the two they take.
        message = "a member comes twice"
        raise ValueError(message)
    return found


def _refuse(_text: str) -> None:
    message = "the format has no such number"
    raise ValueError(message)
