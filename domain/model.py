"""The base of every model that is written as JSON."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Model(BaseModel):
    """A frozen record with camelCase names on the wire; unknown fields are refused, never ignored.

    The text below a field is its description in the OpenAPI document.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
    )

    def to_json(self) -> str:
        """Write the wire form."""
        return self.model_dump_json(by_alias=True, exclude_none=True)
