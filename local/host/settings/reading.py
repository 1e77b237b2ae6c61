"""Reads a settings file and checks it against a model; whatever is wrong with it is told in one line."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError


class InvalidSettings(ValueError):  # noqa: N818 - it says what happened
    """A settings file cannot be used; the text is one line that names the file and the field."""


def read_object(path: Path) -> dict[str, Any]:
    """Read a file that holds a JSON object; raises InvalidSettings, and FileNotFoundError."""
    try:
        document = json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise
    except OSError as error:
        message = f"{path.name}: it cannot be read: {error.strerror}"
        raise InvalidSettings(message) from None
    except json.JSONDecodeError as error:
        hint = " (it must be without comments)" if error.doc[error.pos :].startswith("/") else ""
        message = f"{path.name}, line {error.lineno}: {error.msg}{hint}"
        raise InvalidSettings(message) from None
    except UnicodeDecodeError:
        message = f"{path.name}: it is not UTF-8"
        raise InvalidSettings(message) from None
    if not isinstance(document, dict):
        message = f"{path.name}: it must hold an object"
        raise InvalidSettings(message)
    return document


def check[Model: BaseModel](
    model: type[Model], document: Mapping[str, Any], file: str, context: Mapping[str, str] | None = None
) -> Model:
    """Check a document; raises InvalidSettings, which names each field that is wrong and no value."""
    try:
        return model.model_validate(document, context=context)
    except ValidationError as error:
        wrong = [
            f"{'.'.join(str(part) for part in each['loc'])}: {each['msg'].removeprefix('Value error, ')}"
            for each in error.errors()
        ]
        raise InvalidSettings(f"{file}: {'; '.join(wrong)}") from None
