"""The OpenAPI 3.1 document of the API, made of the table of routes, the models and the catalogue of errors."""

import hashlib
import json
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

from domain.caller import SCOPE
from domain.cloud import AUTHORITY
from domain.error_catalogue import CATALOGUE, status_of
from domain.settings import settings
from triggers.door.calls import Answer, Call
from triggers.door.problems import show
from triggers.openapi.examples import ANSWERS, ANSWERS_OF_CALLS, REQUESTS
from triggers.openapi.parameters import HEADERS, PARAMETERS, headers_of, parameters_of
from triggers.openapi.schemas import Use, write_schemas
from triggers.representations import Problem
from triggers.route_codes import codes_by_status, codes_of
from triggers.routes import API_VERSION, ROUTES, Route, load, model_name

_DESCRIPTION: Final = """\
Takes Azure Key Vault Managed HSMs from nothing to activated, with their security domains stored and verified.

What takes long is an operation: the answer is 202 with `Operation-Location`, which is read until the operation's
`status` is `Succeeded`, `Failed` or `Canceled`. What has no value is left out, never null. All
times are RFC 3339 in UTC with milliseconds, such as `2026-11-24T06:55:21.508Z`; requests may have other offsets and
precisions. Every error is `application/problem+json` with a stable `code`; codes may be added, and keep their meaning.
A path that is not here is answered with 404 `path_not_found`, a method that a path has not with 405
`method_not_allowed`, which `Allow` goes with."""

_REPEATABLE: Final = (
    "Sent again it is carried out once: it needs no `Idempotency-Key`, and one is not looked at. `If-Match` keeps one "
    "that comes late from undoing what was changed meanwhile."
)

# Where in an answer stands what the path of another call leaves open: that call can follow.
_LEADS_TO: Final = {
    "OperationView": {"id": "$response.body#/id", "name": "$response.body#/hsm"},
    "HsmView": {"id": "$response.body#/lastOperation/id", "name": "$response.body#/name"},
    "OperationPage": {"id": "$response.body#/value/0/id", "name": "$response.body#/value/0/hsm"},
    "ShareChallenge": {"check": "$response.body#/id", "name": "$response.body#/hsm"},
    "HsmPage": {"name": "$response.body#/value/0/name"},
}


def get_openapi(call: Call) -> Answer:
    """Give the document, or 304 to whoever has it."""
    document, etag = _deployed()
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    known = call.conditions.if_none_match or ()
    return Answer(304, None, headers) if etag in known or "*" in known else Answer(200, document, headers)


@lru_cache(maxsize=1)
def _deployed() -> tuple[dict[str, Any], str]:
    document = make_document(settings().tenant_id, settings().api_audience)
    return document, f'"{hashlib.sha256(json.dumps(document).encode()).hexdigest()[:32]}"'


def make_document(tenant_id: str, audience: str) -> dict[str, Any]:
    """Make the document of a deployment: whose tokens it takes, and for which audience."""
    places, schemas = write_schemas(_uses())
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(f"/{route.path}", {})[route.method.lower()] = _operation(route, places, audience)
    return {
        "openapi": "3.1.0",
        "info": {"title": "HSM provisioner", "version": API_VERSION, "description": _DESCRIPTION},
        "servers": [{"url": "/api"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "examples": {code: _problem_example(code) for code in sorted(_every_code())},
            "securitySchemes": {"entra": _security_scheme(tenant_id, audience), "token": _TOKEN},
        },
    }


def _uses() -> list[Use]:
    """List the models: bodies as they are sent, answers as they are given."""
    uses: list[Use] = [(load(route.body), "validation") for route in ROUTES if route.body]
    uses += [(load(model), "serialization") for route in ROUTES for model in route.answers.values() if model]
    uses.append((Problem, "serialization"))
    return list(dict.fromkeys(uses))


def _every_code() -> set[str]:
    return {code for route in ROUTES for code in codes_of(route)}


def _operation(route: Route, places: dict[Use, dict[str, Any]], audience: str) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "tags": [route.tag],
        "summary": route.summary,
        "description": " ".join(filter(None, (_who(route), _REPEATABLE if route.replaces else ""))),
        "security": [{"entra": [f"{audience}/{SCOPE}"]}, {"entra": [f"{audience}/.default"]}, {"token": []}]
        if route.roles
        else [],
        "x-app-roles": list(route.roles),
        "parameters": parameters_of(route),
        "responses": _responses(route, places),
    }
    if route.body:
        media: dict[str, Any] = {"schema": places[load(route.body), "validation"]}
        if route.name in REQUESTS:
            media["example"] = REQUESTS[route.name]
        operation["requestBody"] = {"required": True, "content": dict.fromkeys(route.media_types, media)}
    return operation


def _who(route: Route) -> str:
    if not route.roles:
        return "Open to all: no token is looked at."
    return f"The caller needs one of the app roles {', '.join(f'`{role}`' for role in route.roles)}."


def _responses(route: Route, places: dict[Use, dict[str, Any]]) -> dict[str, Any]:
    responses = {status: _answer(route, status, places) for status in route.answers}
    for status, codes in codes_by_status(route).items():
        problem = _problem(route, status, codes, places)
        answer = responses.setdefault(status, problem)
        # One status may be either: an app that is not ready says so, or cannot even say that.
        responses[status] = {**problem, **answer, "content": {**answer["content"], **problem["content"]}}
    return {str(status): response for status, response in sorted(responses.items())}


def _answer(route: Route, status: int, places: dict[Use, dict[str, Any]]) -> dict[str, Any]:
    response: dict[str, Any] = {"description": HTTPStatus(status).phrase, "headers": headers_of(route, status)}
    model = route.answers[status]
    if model is None:
        return response
    media: dict[str, Any] = {"schema": places[load(model), "serialization"]}
    example = ANSWERS_OF_CALLS.get((route.name, status)) or ANSWERS.get(model_name(route, status))
    if example is not None:
        media["example"] = example
    links = _links(route, status)
    return {**response, "content": {"application/json": media}, **({"links": links} if links else {})}


def _links(route: Route, status: int) -> dict[str, Any]:
    """Say which calls can follow, and where in the answer stands what their paths need."""
    values = _LEADS_TO.get(model_name(route, status), {})
    return {
        target.name: {"operationId": target.name, "parameters": {name: values[name] for name in target.parameters}}
        for target in ROUTES
        if target.parameters and values.keys() >= set(target.parameters)
    }


def _problem(route: Route, status: int, codes: list[str], places: dict[Use, dict[str, Any]]) -> dict[str, Any]:
    meanings = "\n".join(f"- `{code}`: {CATALOGUE[code].meaning}" for code in codes)
    media = {
        "schema": places[Problem, "serialization"],
        "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in codes},
    }
    return {
        "description": f"{HTTPStatus(status).phrase}\n\n{meanings}",
        "headers": headers_of(route, status),
        "content": {"application/problem+json": media},
    }


def _problem_example(code: str) -> dict[str, Any]:
    kind, status = CATALOGUE[code], status_of(code)
    problem = Problem(
        type=f"urn:hsm-provisioner:error:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=kind.meaning,
        code=code,
        retryable=kind.retryable,
        advice=kind.advice,
    )
    return {"summary": kind.meaning, "value": show(problem)}


_TOKEN: Final = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "The same access token, gotten elsewhere.",
}


def _security_scheme(tenant_id: str, audience: str) -> dict[str, Any]:
    entra = f"{AUTHORITY}/{tenant_id}/oauth2/v2.0"
    return {
        "type": "oauth2",
        "description": "An access token of Microsoft Entra: a person's, or an application's own. What the caller may "
        "do is in the app roles that were assigned to it.",
        "flows": {
            "authorizationCode": {
                "authorizationUrl": f"{entra}/authorize",
                "tokenUrl": f"{entra}/token",
                "scopes": {f"{audience}/{SCOPE}": "Call the API as the person who signed in"},
            },
            "clientCredentials": {
                "tokenUrl": f"{entra}/token",
                "scopes": {f"{audience}/.default": "Call the API as the application itself"},
            },
        },
    }
