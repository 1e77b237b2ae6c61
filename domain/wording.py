"""What is wrong with a value, in words of ours: pydantic's are for programmers."""

from collections.abc import Mapping
from typing import Any, Final

_WORDS: Final = {
    "missing": "This is missing.",
    "extra_forbidden": "There is no such member.",
    "timezone_aware": "This is a time with its offset, such as 2026-11-01T12:00:00Z.",
    "list_type": "This is a list.",
    "dict_type": "This is an object.",
    "model_type": "This is an object.",
    "model_attributes_type": "This is an object.",
    "string_type": "This is a text.",
    "int_type": "This is a whole number.",
    "int_parsing": "This is a whole number.",
    "int_from_float": "This is a whole number.",
    "bool_type": "This is true or false.",
    "string_pattern_mismatch": "This has not the form that it must have; the API's document has its pattern.",
    "string_unicode": "This is no text that can be written.",
}
_COUNTED: Final = {
    "too_short": "This has {min_length} or more members.",
    "too_long": "This has at most {max_length} members.",
    "string_too_short": "This has {min_length} or more characters.",
    "string_too_long": "This has at most {max_length} characters.",
    "greater_than_equal": "This is {ge} or more.",
    "less_than_equal": "This is at most {le}.",
    "literal_error": "This is one of: {expected}.",
    "enum": "This is one of: {expected}.",
}
_TIMES: Final = ("datetime_type", "datetime_parsing", "datetime_from_date_parsing", "datetime_object_invalid")


def explain(detail: Mapping[str, Any]) -> str:
    """Explain one error of pydantic's (as `ValidationError.errors` gives it), never repeating what was sent."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in _TIMES:
        return _WORDS["timezone_aware"]
    if kind in _COUNTED:
        return _COUNTED[kind].format(**context)
    return _WORDS.get(kind, str(detail["msg"]))
