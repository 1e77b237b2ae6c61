"""The parameters of a query, by the route's model."""

import re
from typing import Final

import azure.functions as func
from pydantic import BaseModel, ValidationError

from domain.errors import FieldError, refused_fields
from domain.wording import explain
from triggers.routes import Route, load

_NAME: Final = re.compile(r"[A-Za-z0-9_$.-]{1,40}")


def read_query(route: Route, request: func.HttpRequest) -> BaseModel | None:
    """Read a query; raises ServiceError `invalid_parameter` that names each parameter which is unknown or wrong."""
    values = {name: value for name, value in request.params.items() if name != "api-version"}
    if route.query is None:
        if values and route.roles:
            raise _refused([(sorted(values)[0], "This call has no such parameter.")])
        return None
    model: type[BaseModel] = load(route.query)
    try:
        return model.model_validate(values, by_alias=True, by_name=False)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        raise _refused(
            [(str(detail["loc"][0]) if detail["loc"] else "", explain(detail)) for detail in details]
        ) from None


def _refused(faults: list[tuple[str, str]]) -> Exception:
    return refused_fields(
        [
            FieldError(field=name if _NAME.fullmatch(name) else "query", message=message, code="invalid_parameter")
            for name, message in faults[:50]
        ]
    )
