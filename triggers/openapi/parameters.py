"""Parameters and headers of the API's calls, as the OpenAPI document has them."""

from http import HTTPStatus
from typing import Any, Final

from triggers.openapi.schemas import query_parameters
from triggers.routes import API_VERSION, Route, load, model_name

_HSM_NAME: Final = {"type": "string", "minLength": 3, "maxLength": 24, "pattern": "^[A-Za-z](-?[A-Za-z0-9])+$"}
_OPERATION_ID: Final = {
    "type": "string",
    "maxLength": 51,
    "pattern": "^[a-z](-?[a-z0-9]){2,23}-[0-9A-HJKMNP-TV-Z]{26}$",
}
_ULID: Final = {"type": "string", "pattern": "^[0-9A-HJKMNP-TV-Z]{26}$"}
_ETAGS: Final = {"type": "string", "pattern": r'^(\*|"[!#-+.-~-]{0,200}"(, ?"[!#-+.-~-]{0,200}"){0,20})$'}

# What has an ETag wherever it is answered.
_VERSIONED: Final = ("HsmView", "ApiDescription")

_PATH: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "name": (_HSM_NAME, "The HSM's name. Case makes no difference: it is lower-cased."),
    "check": (_ULID, "The id of a share check, as its challenge has it."),
    "id": (_OPERATION_ID, "The operation's id, as the answer that accepted it has it."),
}

PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    "api-version": {
        "name": "api-version",
        "in": "query",
        "required": True,
        "description": "The version of this API.",
        "schema": {"type": "string", "enum": [API_VERSION]},
    },
    "If-Match": {
        "name": "If-Match",
        "in": "header",
        "description": "Carry the request out only if what is there has this ETag (`*`: any).",
        "schema": _ETAGS,
    },
    "If-None-Match": {
        "name": "If-None-Match",
        "in": "header",
        "description": "Carry the request out only if what is there has another ETag (`*`: if nothing is there).",
        "schema": _ETAGS,
    },
    "Idempotency-Key": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "A key of the caller's for this request: sent again with it, the request is not carried out "
        "twice, and gets the answer of the first. With another request the key is refused.",
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    },
    "x-ms-client-request-id": {
        "name": "x-ms-client-request-id",
        "in": "header",
        "description": "What the caller calls the request; it is answered, logged, and sent on to Azure.",
        "schema": {"type": "string", "pattern": "^[0-9A-Za-z][0-9A-Za-z._-]{0,63}$"},
    },
    "traceparent": {
        "name": "traceparent",
        "in": "header",
        "description": "The trace that the request is part of (W3C Trace Context); one that is not valid is ignored.",
        "schema": {"type": "string"},
    },
}

HEADERS: Final[dict[str, dict[str, Any]]] = {
    "ETag": {"description": "The version of what is shown.", "required": True, "schema": {"type": "string"}},
    "Operation-Location": {
        "description": "The operation's address: read it until it has ended.",
        "required": True,
        "schema": {"type": "string", "format": "uri"},
    },
    "Location": {"description": "The HSM's address.", "schema": {"type": "string", "format": "uri"}},
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}},
    "Accept-Patch": {
        "description": "The media types that a PATCH takes.",
        "required": True,
        "schema": {"type": "string"},
    },
    "WWW-Authenticate": {"description": "How to authenticate.", "required": True, "schema": {"type": "string"}},
    "Idempotency-Replayed": {
        "description": "`true` where this is the stored answer to the first request with this Idempotency-Key.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "x-ms-request-id": {
        "description": "The id of this request in the service's logs.",
        "required": True,
        "schema": {"type": "string"},
    },
    "x-ms-client-request-id": {"description": "The request's own, if it has one.", "schema": {"type": "string"}},
}


def parameters_of(route: Route) -> list[dict[str, Any]]:
    """List a route's parameters: of its path, its query, its headers."""
    names = ["api-version"] if route.roles else []
    if route.replaces:
        names += ["If-Match", "If-None-Match"]
    if route.method == "POST":
        names.append("Idempotency-Key")
    names += ["x-ms-client-request-id", "traceparent"]
    return [
        *(_path_parameter(name) for name in route.parameters),
        *(query_parameters(load(route.query)) if route.query else ()),
        *({"$ref": f"#/components/parameters/{name}"} for name in names),
    ]


def _path_parameter(name: str) -> dict[str, Any]:
    schema, description = _PATH[name]
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


def headers_of(route: Route, status: int) -> dict[str, Any]:
    """Name the headers of an answer."""
    names = ["x-ms-request-id", "x-ms-client-request-id"]
    if status == HTTPStatus.NOT_MODIFIED or model_name(route, status) in _VERSIONED:
        names.append("ETag")
    names += {202: ["Operation-Location", "Location", "Retry-After"], 401: ["WWW-Authenticate"]}.get(status, [])
    if status in (200, 409, 429, 500, 503):
        names.append("Retry-After")
    if status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE and route.method == "PATCH":
        names.append("Accept-Patch")
    if route.method == "POST":
        names.append("Idempotency-Replayed")
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
