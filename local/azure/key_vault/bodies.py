"""What the data plane takes."""

from typing import Any

from pydantic import BaseModel, Field, ValidationError

from local.azure.key_vault.faults import bad_parameter
from local.azure.key_vault.policy import Policy, WireModel


class Attributes(WireModel):
    """What a caller says of a version."""

    enabled: bool | None = None


class Creation(WireModel):
    """Asks for a new version."""

    policy: Policy
    attributes: Attributes = Field(default_factory=Attributes)
    tags: dict[str, str] | None = None


class Import(WireModel):
    """Brings a certificate with its private key: PKCS #12 in base64, or PEM, in base64 or as it is."""

    value: str = Field(min_length=1, repr=False)
    pwd: str | None = Field(None, repr=False)
    policy: Policy = Field(default_factory=Policy)
    attributes: Attributes = Field(default_factory=Attributes)
    tags: dict[str, str] | None = None


class Update(WireModel):
    """Changes a version."""

    attributes: Attributes = Field(default_factory=Attributes)
    tags: dict[str, str] | None = None


class KeyUpdate(WireModel):
    """Changes the key of a version alone."""

    attributes: Attributes = Field(default_factory=Attributes)


class Operation(WireModel):
    """Asks a key to do something with a value."""

    alg: str
    value: str = Field(repr=False)


class Verification(WireModel):
    """Asks a key whether a signature is its own."""

    alg: str
    digest: str
    value: str


def read_body[Body: BaseModel](model: type[Body], data: bytes) -> Body:
    """Read a body; raises ServiceFault 400 that names the member."""
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        raise _explain(error) from None


def merge_policy(policy: Policy, data: bytes) -> Policy:
    """Change the members of a policy that a body names; raises ServiceFault 400."""
    try:
        changes = read_body(_AnyObject, data).model_dump()
        members: dict[str, Any] = policy.write()
        for name, value in changes.items():
            old = members.get(name)
            members[name] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
        return Policy.model_validate(members)
    except ValidationError as error:
        raise _explain(error) from None


class _AnyObject(BaseModel, extra="allow"):
    """Any JSON object."""


def _explain(error: ValidationError) -> Exception:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return bad_parameter(".".join(str(part) for part in first["loc"]) or "body", first["msg"])
