"""What the data plane takes: JSON whose bytes are base64url without padding."""

import base64
import binascii
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationError
from pydantic.alias_generators import to_camel

from local.azure.managed_hsm.faults import bad_parameter


class Body(BaseModel):
    """A body in camelCase; members that nobody knows are ignored, as the service does."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)


def encode(content: bytes) -> str:
    """Write bytes as base64url without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Read base64url, padded or not; raises ValueError."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _read_bytes(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return decode(value)
    except (binascii.Error, ValueError):
        # The decoder's own text could tell of the content.
        message = "not base64url"
        raise ValueError(message) from None


UrlBytes = Annotated[bytes, BeforeValidator(_read_bytes), PlainSerializer(encode, when_used="json")]


def read_body[Model: BaseModel](kind: type[Model], text: bytes) -> Model:
    """Read a body; raises ServiceFault 400 that names the first faulty member and repeats nothing of it."""
    try:
        return kind.model_validate_json(text or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        member = ".".join(str(part) for part in first["loc"]) or "the body"
        raise bad_parameter(f"Property {member} has invalid value: {first['type']}.") from None
