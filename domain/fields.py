"""Kinds of values that requests and the policy share, each with its normal form."""

import re
from collections.abc import Callable
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

IDENTITY_PATTERN: Final = (
    r"(?i:/subscriptions/[0-9a-f-]{36}/resourceGroups/[-\w.()]{1,90}"
    r"/providers/Microsoft\.ManagedIdentity/userAssignedIdentities/[-\w]{3,128})"
)
_SUBNET_PATTERN: Final = (
    r"(?i:/subscriptions/[0-9a-f-]{36}/resourceGroups/[-\w.()]{1,90}"
    r"/providers/Microsoft\.Network/virtualNetworks/[-\w.]{1,80}/subnets/[-\w.]{1,80})"
)

Origin = Literal["request", "event", "schedule"]
"""How an operation began: somebody asked over the API, a subscription appeared, or a schedule found it due."""

Healable = Literal["public_access_opened", "network_differs", "purge_protection_off", "tags_differ"]
"""The kinds of drift that Azure can put right in place."""


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


def _resource_id(pattern: str, kind: str, example: str) -> Callable[[object], str]:
    def check(text: object) -> str:
        if not isinstance(text, str) or not re.fullmatch(pattern, text):
            code, message = "invalid_field", "This is the resource id of {kind}: {example}."
            raise PydanticCustomError(code, message, {"kind": kind, "example": example})
        return text

    return check


# What the validators take, for who reads the JSON schema: pydantic does not look into functions.
_GUID_SCHEMA: Final = {"pattern": "^[0-9A-Fa-f]{8}-([0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}$"}
_GROUP_SCHEMA: Final = r"^/subscriptions/[0-9A-Fa-f-]{36}/resourceGroups/[A-Za-z0-9_.()-]{1,90}/providers"
_IDENTITY_SCHEMA: Final = {
    "pattern": rf"{_GROUP_SCHEMA}/Microsoft\.ManagedIdentity/userAssignedIdentities/[A-Za-z0-9_-]{{3,128}}$"
}
_SUBNET_SCHEMA: Final = {
    "pattern": rf"{_GROUP_SCHEMA}/Microsoft\.Network/virtualNetworks/[A-Za-z0-9_.-]{{1,80}}"
    r"/subnets/[A-Za-z0-9_.-]{1,80}$"
}
_LOCATION_SCHEMA: Final = {"pattern": "^ *([A-Za-z0-9] *){3,40}$"}

Guid = Annotated[str, BeforeValidator(_guid), Field(json_schema_extra=_GUID_SCHEMA)]
Location = Annotated[str, BeforeValidator(_location), Field(json_schema_extra=_LOCATION_SCHEMA)]

IdentityId = Annotated[
    str,
    BeforeValidator(
        _resource_id(
            IDENTITY_PATTERN,
            "a user-assigned identity",
            "/subscriptions/ID/resourceGroups/GROUP/providers/Microsoft.ManagedIdentity/userAssignedIdentities/NAME",
        )
    ),
    Field(json_schema_extra=_IDENTITY_SCHEMA),
]
SubnetId = Annotated[
    str,
    BeforeValidator(
        _resource_id(
            _SUBNET_PATTERN,
            "a subnet",
            "/subscriptions/ID/resourceGroups/GROUP/providers/Microsoft.Network/virtualNetworks/NAME/subnets/SUBNET",
        )
    ),
    Field(json_schema_extra=_SUBNET_SCHEMA),
]
