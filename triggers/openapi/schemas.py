"""The models of the API as JSON Schema: what a caller may send, and what it is answered."""

from collections.abc import Iterable
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

Use = tuple[type[BaseModel], JsonSchemaMode]
_Field = core_schema.ModelField | core_schema.DataclassField | core_schema.TypedDictField
_TEMPLATE: Final = "#/components/schemas/{model}"


class _Generator(GenerateJsonSchema):
    """Writes answers as they are: what has no value is left out, never null; what always has one is required.

    Names are no titles: those that pydantic makes of them say nothing more.
    """

    def field_title_should_be_set(self, schema: core_schema.CoreSchema | _Field | core_schema.ComputedField) -> bool:  # noqa: ARG002
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default", ...) is not None:
            return super().default_schema(schema)
        inner = schema["schema"]
        if self.mode == "serialization" and inner["type"] == "nullable":
            return self.generate_inner(inner["schema"])
        return self.generate_inner(inner)

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        written = super().dict_schema(schema)
        # A name that does not fit its pattern is refused: JSON Schema would take it, with any value.
        return {**written, "additionalProperties": False} if "patternProperties" in written else written

    def field_is_required(
        self,
        field: _Field,
        total: bool,  # noqa: FBT001 - pydantic's own signature
    ) -> bool:
        schema = field["schema"]
        if self.mode == "validation":
            return super().field_is_required(field, total)
        return schema["type"] != "nullable" and (schema["type"] != "default" or schema.get("default", ...) is not None)


def write_schemas(uses: Iterable[Use]) -> tuple[dict[Use, dict[str, Any]], dict[str, Any]]:
    """Write the schema of each model in each use: where it is, and all of them by their names."""
    used = list(uses)
    places, definitions = models_json_schema(used, ref_template=_TEMPLATE, schema_generator=_Generator)
    schemas = {_plain(name): _renamed(schema) for name, schema in definitions.get("$defs", {}).items()}
    return {use: _renamed(places[use]) for use in used}, schemas


def write_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Write the schema of what is told by one model, whole in itself."""
    return model.model_json_schema(mode="serialization", schema_generator=_Generator)


def _renamed(part: Any) -> Any:
    """Refer to each schema by its plain name."""
    if isinstance(part, list):
        return [_renamed(item) for item in part]
    if not isinstance(part, dict):
        return part
    return {
        name: _plain(value) if name == "$ref" and isinstance(value, str) else _renamed(value)
        for name, value in part.items()
    }


def _plain(name: str) -> str:
    """Name what is asked for as its model, and what is shown of it a view, where pydantic tells the two apart."""
    asked, _, use = name.partition("-")
    return f"{asked.removesuffix('Request')}View" if use == "Output" else asked


def query_parameters(model: type[BaseModel]) -> list[dict[str, Any]]:
    """Write the parameters of a query; its model is flat."""
    schema = model.model_json_schema(schema_generator=_Generator)
    definitions = schema.get("$defs", {})
    return [
        _parameter(name, _resolved(part, definitions), required=name in schema.get("required", ()))
        for name, part in schema["properties"].items()
    ]


def _parameter(name: str, schema: dict[str, Any], *, required: bool) -> dict[str, Any]:
    """Write one: that it may be left out is said by `required`, not by null, which no query can hold."""
    choices = [choice for choice in schema.pop("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        schema = {**choices[0], **schema}
    elif choices:
        schema["anyOf"] = choices
    for word in ("ge", "le"):
        # JSON Schema has no bounds for times: these are pydantic's own words.
        schema.pop(word, None)
    written: dict[str, Any] = {"name": name, "in": "query", "required": required, "schema": schema}
    description = schema.pop("description", None)
    return {**written, "description": description} if description else written


def _resolved(part: Any, definitions: dict[str, Any]) -> Any:
    """Put what is referred to in its place: a parameter stands for itself."""
    if isinstance(part, list):
        return [_resolved(item, definitions) for item in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _resolved(definitions[part["$ref"].rpartition("/")[2]], definitions)
    return {name: _resolved(value, definitions) for name, value in part.items()}
