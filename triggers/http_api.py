"""The HTTP API: thin handlers that authenticate, parse, and hand over."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import azure.durable_functions as df
import azure.functions as func

from triggers.registration import blueprint

MAXIMUM_BODY: Final = 256 * 1024
POLL_SECONDS: Final = "5"
_log = logging.getLogger("hsm_provisioner.api")


@blueprint.route(route="health", trigger_arg_name="request", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def get_health(request: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the host binds it by name
    """Say that the app runs."""
    from triggers.problems import answer

    return answer(200, {"status": "Healthy"})


@blueprint.route(route="hsms/{name}", trigger_arg_name="request", methods=["PUT"])
@blueprint.durable_client_input(client_name="client")
def put_hsm(request: func.HttpRequest, client: df.SyncDurableFunctionsClient) -> func.HttpResponse:
    """Ask for an HSM: 202 with the operation that makes it, or 200 with the HSM that is as asked already."""

    def handle() -> func.HttpResponse:
        from domain.requests import parse_request
        from triggers.acceptance import accept
        from triggers.authentication import requester
        from triggers.problems import answer

        caller = requester(request)
        name = _hsm_name(request)
        accepted = accept(caller, name, parse_request(_body(request), datetime.now(UTC)), client)
        if accepted.hsm is not None:
            return answer(200, accepted.hsm)
        operation = accepted.operation
        headers = {
            "Operation-Location": _url(request, f"operations/{operation['id']}"),
            "Location": _url(request, f"hsms/{name}"),
            "Retry-After": POLL_SECONDS,
        }
        return answer(202, operation, headers)

    return _answer(handle)


@blueprint.route(route="hsms/{name}", trigger_arg_name="request", methods=["GET"])
@blueprint.durable_client_input(client_name="client")
def get_hsm(request: func.HttpRequest, client: df.SyncDurableFunctionsClient) -> func.HttpResponse:
    """Describe an HSM of ours: what Azure says of it, where its security domain is, its last operation."""

    def handle() -> func.HttpResponse:
        from triggers.authentication import reader
        from triggers.problems import answer
        from triggers.views import describe_hsm

        return answer(200, describe_hsm(reader(request), _hsm_name(request), client))

    return _answer(handle)


@blueprint.route(route="operations/{id}", trigger_arg_name="request", methods=["GET"])
@blueprint.durable_client_input(client_name="client")
def get_operation(request: func.HttpRequest, client: df.SyncDurableFunctionsClient) -> func.HttpResponse:
    """Describe an operation with all its steps; from its 202 on, whether or not its instance still exists."""

    def handle() -> func.HttpResponse:
        from triggers.authentication import reader
        from triggers.problems import answer
        from triggers.views import describe_operation

        operation = describe_operation(reader(request), request.route_params["id"], client)
        running = operation["status"] in ("NotStarted", "Running")
        return answer(200, operation, {"Retry-After": POLL_SECONDS} if running else None)

    return _answer(handle)


def _answer(handle: Callable[[], func.HttpResponse]) -> func.HttpResponse:
    """Turn what a handler raises into problem details."""
    from domain.errors import ServiceError, describe_unexpected, service_error
    from triggers.problems import Refusal, problem

    try:
        return handle()
    except Refusal as refusal:
        return problem(refusal)
    except ServiceError as error:
        _log.info("refused: %s", error.detail.code)
        status = _status(error.detail.code, fields=bool(error.detail.errors))
        retry = {"Retry-After": str(int(error.detail.retry_after or 5))} if error.detail.retryable else {}
        return problem(Refusal(status, error.detail, retry))
    except Exception as error:  # noqa: BLE001 - the boundary: it is answered, and logged without its text
        _log.error("a request failed unexpectedly: %s", describe_unexpected(error))
        message = "The request failed unexpectedly."
        detail = service_error("unexpected_failure", message, advice="Tell the operators when it happened.").detail
        return problem(Refusal(500, detail))


def _status(code: str, *, fields: bool) -> int:
    if code in ("hsm_exists", "hsm_differs", "hsm_soft_deleted"):
        return 409
    if code in ("hsm_not_found", "operation_not_found"):
        return 404
    return 400 if fields else 503


def _hsm_name(request: func.HttpRequest) -> str:
    from domain.errors import FieldError, refused_fields
    from domain.names import normalise_hsm_name

    try:
        return normalise_hsm_name(request.route_params["name"])
    except ValueError as error:
        raise refused_fields([FieldError(field="name", message=str(error), code="hsm_name_invalid")]) from None


def _body(request: func.HttpRequest) -> bytes:
    from domain.errors import FieldError, refused_fields
    from triggers.problems import Refusal

    body = request.get_body()
    if len(body) <= MAXIMUM_BODY:
        return body
    message = f"The body is larger than {MAXIMUM_BODY // 1024} KB."
    raise Refusal(413, refused_fields([FieldError(field="body", message=message, code="body_too_large")]).detail)


def _url(request: func.HttpRequest, path: str) -> str:
    """Give an address of this API as the caller reached it."""
    url: str = request.url
    base, _, _ = url.partition("/api/")
    return f"{base}/api/{path}"
