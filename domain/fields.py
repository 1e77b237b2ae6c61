"""Kinds of values that requests and the policy share, each with its normal form."""

import re
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

Sku = Literal[
    "Standard_B1",
    "Standard_B1v2",
    "Standard_B5v2",
    "Standard_B10v2",
    "Standard_B15v2",
    "Standard_B20v2",
    "Custom_B6",
    "Custom_B32",
    "Custom_C10",
    "Custom_C42",
]

OperationKind = Literal["provision", "update", "adopt", "rewrap", "restore", "decommission", "recover"]

Origin = Literal["request", "event", "schedule"]
"""How an operation began: somebody asked over the API, a subscription appeared, or a schedule found it due."""


def _guid(text: object) -> str:
    try:
        return str(UUID(text if isinstance(text, str) else ""))
    except ValueError:
        code, message = "invalid_field", "This is a GUID such as 00000000-0000-0000-0000-000000000000."
        raise PydanticCustomError(code, message) from None


def _location(text: object) -> str:
    lowered = text.replace(" ", "").lower() if isinstance(text, str) else ""
    if not re.fullmatch(r"[a-z0-9]{3,40}", lowered):
        code, message = "invalid_field", "This is the name of an Azure region, such as norwayeast."
        raise PydanticCustomError(code, message)
    return lowered


# What the validators take, for who reads the JSON schema: pydantic does not look into functions.
_GUID_SCHEMA: Final = {"pattern": "^[0-9A-Fa-f]{8}-([0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}$"}
_LOCATION_SCHEMA: Final = {"pattern": "^ *([A-Za-z0-9] *){3,40}$"}

Guid = Annotated[str, BeforeValidator(_guid), Field(json_schema_extra=_GUID_SCHEMA)]
Location = Annotated[str, BeforeValidator(_location), Field(json_schema_extra=_LOCATION_SCHEMA)]
