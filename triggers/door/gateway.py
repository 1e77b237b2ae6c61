"""The one door of the API: who calls, what may be called, how often and how; then the handler, and its answer."""

import logging
from collections.abc import Callable
from typing import Final

import azure.durable_functions as df
import azure.functions as func
from ulid import ULID

from clients.tracing import recording_request
from domain.caller import Caller
from domain.errors import FieldError, ServiceError, describe_unexpected, refused_fields, service_error
from domain.policy_rules import Grant, find_grant
from domain.settings import SettingsInvalid, deployment_policy
from domain.trace import CLIENT_REQUEST_ID, Trace, valid_traceparent
from triggers.door.auditing import record_refusal
from triggers.door.authentication import authenticate, require_role
from triggers.door.calls import Answer, Call
from triggers.door.conditions import read_conditions
from triggers.door.problems import Refusal, answer, problem
from triggers.door.queries import read_query
from triggers.door.rates import require_patience
from triggers.door.repeats import carry_out_once, read_key
from triggers.routes import API_VERSION, Route, load

MAXIMUM_BODY: Final = 256 * 1024
_log = logging.getLogger("hsm_provisioner.api")


def respond(route: Route, request: func.HttpRequest, client: df.SyncDurableFunctionsClient) -> func.HttpResponse:
    """Answer a request: what a handler gives, or problem details."""
    called = f"{route.method} {route.path}"
    return answer_as(called, request, lambda trace: _answer(route, request, client, trace))


def answer_as(
    called: str, request: func.HttpRequest, make_answer: Callable[[Trace], func.HttpResponse]
) -> func.HttpResponse:
    """Answer a request with the ids by which it can be found, and log it as a call of this name."""
    with recording_request(called, _read_trace(request)) as recorded:
        trace = recorded.trace
        response = make_answer(trace)
        recorded.answer(response.status_code)
    request_id = str(ULID())
    response.headers["x-ms-request-id"] = request_id
    if trace.client_request_id:
        response.headers["x-ms-client-request-id"] = trace.client_request_id
    # Of the request only what was checked is logged: the route's own words, and ids.
    _log.info("%s -> %s request_id=%s %s", called, response.status_code, request_id, trace)
    return response


def _answer(
    route: Route, request: func.HttpRequest, client: df.SyncDurableFunctionsClient, trace: Trace
) -> func.HttpResponse:
    try:
        return _serve(route, request, client, trace)
    except ServiceError as error:
        _log.info("refused: %s", error.detail.code)
        return problem(error if isinstance(error, Refusal) else Refusal(error.detail))
    except SettingsInvalid as invalid:
        for mistake in invalid.mistakes:
            _log.error("wrong setting: %s", mistake)
        message = "The settings of this deployment are wrong."
        return problem(Refusal(service_error("settings_invalid", message, advice="Tell the operators.").detail))
    except Exception as error:  # noqa: BLE001 - the boundary: it is answered, and logged without its text
        _log.error("a request failed unexpectedly: %s", describe_unexpected(error))
        message = "The request failed unexpectedly."
        detail = service_error("unexpected_failure", message, advice="Tell the operators when it happened.").detail
        return problem(Refusal(detail))


def _serve(
    route: Route, request: func.HttpRequest, client: df.SyncDurableFunctionsClient, trace: Trace
) -> func.HttpResponse:
    caller = authenticate(request) if route.roles else _NOBODY
    try:
        given = _carry_out(route, request, _admit(route, request, client, trace, caller))
    except ServiceError as refusal:
        if route.changes:
            record_refusal(route, dict(request.route_params), caller, refusal.detail, trace)
        raise
    return answer(given.status, given.document, given.headers)


def _carry_out(route: Route, request: func.HttpRequest, call: Call) -> Answer:
    handler: Callable[[Call], Answer] = load(route.handler)
    key = read_key(route, request.headers.get("idempotency-key"))
    return carry_out_once(route, call, key, handler) if key is not None else handler(call)


def _admit(
    route: Route, request: func.HttpRequest, client: df.SyncDurableFunctionsClient, trace: Trace, caller: Caller
) -> Call:
    """Settle everything that does not depend on what is called; raises ServiceError."""
    grant = _find_grant(route, caller)
    _require_version(route, request)
    _require_client_request_id(request, trace)
    return Call(
        caller=caller,
        grant=grant,
        path=dict(request.route_params),
        query=read_query(route, request),
        body=_read_body(route, request),
        conditions=read_conditions(request.headers.get("if-match"), request.headers.get("if-none-match")),
        trace=trace,
        base=_base(request),
        client=client,
    )


def _find_grant(route: Route, caller: Caller) -> Grant:
    if not route.roles:
        return _NOTHING
    grant = find_grant(deployment_policy(), caller.ids)
    # Before anything that is written down of a refusal: whoever may do nothing has no more patience to use up.
    if route.changes:
        require_patience(caller, grant)
    require_role(caller, route.roles)
    return grant


_NOBODY: Final = Caller(tenant_id="", object_id="", kind="application", roles=frozenset())
_NOTHING: Final = Grant(
    caller_ids=frozenset(),
    teams=frozenset(),
    subscriptions=frozenset(),
    administrators=frozenset(),
    wrapping_vaults=frozenset(),
    wrapping_thumbprints=frozenset(),
    requests_per_minute=0,
)


def _read_trace(request: func.HttpRequest) -> Trace:
    called = request.headers.get("x-ms-client-request-id", "")
    return Trace(
        client_request_id=called if CLIENT_REQUEST_ID.fullmatch(called) else None,
        traceparent=valid_traceparent(request.headers.get("traceparent")),
    )


def _require_client_request_id(request: func.HttpRequest, trace: Trace) -> None:
    if request.headers.get("x-ms-client-request-id") and trace.client_request_id is None:
        message = "This is 1 to 64 letters, digits, dots, hyphens and underscores."
        raise refused_fields([FieldError(field="x-ms-client-request-id", message=message, code="invalid_header")])


def _require_version(route: Route, request: func.HttpRequest) -> None:
    if not route.roles:
        return
    version = request.params.get("api-version")
    if version is None:
        message = f"Add ?api-version={API_VERSION} to the address."
        raise refused_fields([FieldError(field="api-version", message=message, code="api_version_missing")])
    if version != API_VERSION:
        message = f"This API has the version {API_VERSION}."
        raise refused_fields([FieldError(field="api-version", message=message, code="api_version_unsupported")])


def _read_body(route: Route, request: func.HttpRequest) -> bytes:
    if route.body is None:
        return b""
    body: bytes = request.get_body()
    if len(body) > MAXIMUM_BODY:
        message = f"The body is larger than {MAXIMUM_BODY // 1024} KB."
        raise refused_fields([FieldError(field="body", message=message, code="body_too_large")])
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind not in route.media_types:
        raise _unsupported(route)
    return body


def _unsupported(route: Route) -> Refusal:
    """Name what the call takes; of a PATCH in the header of RFC 5789, section 3.1, too."""
    message = f"The body of this request is {' or '.join(route.media_types)}."
    error = refused_fields([FieldError(field="Content-Type", message=message, code="content_type_unsupported")])
    return Refusal(error.detail, {"Accept-Patch": ", ".join(route.media_types)} if route.method == "PATCH" else None)


def _base(request: func.HttpRequest) -> str:
    """Give the address of the API as the caller reached it."""
    url: str = request.url
    before, _, _ = url.partition("/api/")
    return f"{before}/api"
