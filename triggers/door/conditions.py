"""Conditions of a request: on which version of what is there it is to be carried out (RFC 9110, section 13.1)."""

import re
from typing import Final, NamedTuple

from domain.errors import FieldError, refused_fields, service_error

_TAGS: Final = re.compile(
    r'\*|"[\x21\x23-\x2b\x2d-\x7e]{0,200}"(?:[ \t]*,[ \t]*"[\x21\x23-\x2b\x2d-\x7e]{0,200}"){0,20}'
)


class Conditions(NamedTuple):
    """The entity tags of `If-Match` and `If-None-Match`; None where the header is not there, `*` for any."""

    if_match: frozenset[str] | None = None
    if_none_match: frozenset[str] | None = None

    def require(self, etag: str | None) -> None:
        """Check what is there now; raises ServiceError `precondition_failed`."""
        if self.if_match is not None and not _matches(self.if_match, etag):
            raise _failed("If-Match")
        if self.if_none_match is not None and _matches(self.if_none_match, etag):
            raise _failed("If-None-Match")


def read_conditions(if_match: str | None, if_none_match: str | None) -> Conditions:
    """Read the headers; raises ServiceError `invalid_header`."""
    return Conditions(_read("If-Match", if_match), _read("If-None-Match", if_none_match))


def _read(name: str, text: str | None) -> frozenset[str] | None:
    if text is None:
        return None
    if not _TAGS.fullmatch(text.strip()):
        message = "This is * or one or more entity tags in double quotes."
        raise refused_fields([FieldError(field=name, message=message, code="invalid_header")])
    return frozenset(part.strip() for part in text.split(","))


def _matches(tags: frozenset[str], etag: str | None) -> bool:
    return etag is not None and ("*" in tags or etag in tags)


def _failed(header: str) -> Exception:
    return service_error(
        "precondition_failed",
        f"What is there is not what {header} names.",
        advice="Read it again, and decide on what it is now.",
    )
