"""Where clients get tokens: applications their own, single-page applications those of a person."""

import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.azure.core.errors import ServiceFault
from local.azure.entra import assertions
from local.azure.entra.forms import check_tenant, read_form
from local.azure.entra.models import Directory
from local.azure.entra.sign_in import SignIns, origin_of

_PATH: Final = "/{tenant}/oauth2/v2.0/token"
_NEVER_KEPT: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}


def make_token_routes(sign_ins: SignIns) -> list[Route]:
    """Make the routes of the token endpoint."""
    directory = sign_ins.directory

    async def post_token(request: Request) -> Response:
        """Give tokens for a secret, a certificate or a federated assertion, or for a person's code or refresh token.

        Leaves out: every other grant; persons' tokens for clients that are no single-page applications.

        Assumes: a refusal does not use a code up; a code or a refresh token of another client is AADSTS70000; the
        refresh tokens of a code that is redeemed again stay valid.
        """
        form = await read_form(request)
        headers = _NEVER_KEPT | _allow_origin(request, directory)
        try:
            check_tenant(request, directory)
            answer = _answer(form, request.headers.get("origin"), sign_ins)
        except ServiceFault as fault:
            return JSONResponse(_describe(fault, request), fault.status, headers)
        return JSONResponse(answer, headers=headers)

    async def allow_post_token(request: Request) -> Response:
        """Allow the page of a registered redirect URI to ask for tokens with whatever headers.

        Assumes: other origins are answered without a permission.
        """
        allowed = _allow_origin(request, directory)
        rules = {"Access-Control-Allow-Methods": "POST, OPTIONS", "Access-Control-Allow-Headers": "*"}
        return Response(headers=allowed | rules if "Access-Control-Allow-Origin" in allowed else allowed)

    return [
        Route(_PATH, post_token, methods=["POST"]),
        Route(_PATH, allow_post_token, methods=["OPTIONS"]),
    ]


def _answer(form: Mapping[str, str], origin: str | None, sign_ins: SignIns) -> dict[str, Any]:
    """Give what a grant brings; raises ServiceFault with Entra's codes."""
    match form.get("grant_type"):
        case "client_credentials":
            return _sign_application_in(form, origin, sign_ins.directory)
        case "authorization_code":
            return sign_ins.redeem_code(form, origin)
        case "refresh_token":
            return sign_ins.refresh(form, origin)
        case _:
            message = "AADSTS70003: The app requested an unsupported grant type."
            raise ServiceFault(400, "unsupported_grant_type", message)


def _sign_application_in(form: Mapping[str, str], origin: str | None, directory: Directory) -> dict[str, Any]:
    if origin is not None:
        # A secret has no place in a browser (source: Microsoft identity platform, authorization code flow).
        message = "AADSTS9002326: Cross-origin token redemption is permitted only for the 'Single-Page Application' "
        raise ServiceFault(400, "invalid_request", f"{message}client-type.")
    client_id, scope = form.get("client_id", ""), form.get("scope", "")
    if form.get("client_assertion_type") == assertions.TYPE:
        token = directory.sign_in_by_assertion(client_id, form.get("client_assertion", ""), scope)
    else:
        token = directory.sign_in(client_id, form.get("client_secret", ""), scope)
    seconds = directory.token_seconds - 1
    return {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}


def _allow_origin(request: Request, directory: Directory) -> dict[str, str]:
    """Allow the origin of any client's redirect URI to read an answer; caches are told that answers differ."""
    origin = request.headers.get("origin", "")
    registered = {origin_of(uri) for client in directory.applications.values() for uri in client.spa_redirect_uris}
    return {"Vary": "Origin"} | ({"Access-Control-Allow-Origin": origin} if origin in registered else {})


def _describe(fault: ServiceFault, request: Request) -> dict[str, Any]:
    """Write a refusal as the token endpoint does; by the ids people find a request again."""
    code = re.match(r"AADSTS(\d+)", fault.message)
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%SZ}"
    trace, correlation = str(uuid.uuid4()), _find_correlation(request)
    ids = f"Trace ID: {trace} Correlation ID: {correlation} Timestamp: {now}"
    return {
        "error": fault.code,
        "error_description": f"{fault.message} {ids}",
        "error_codes": [int(code[1])] if code else [],
        "timestamp": now,
        "trace_id": trace,
        "correlation_id": correlation,
    }


def _find_correlation(request: Request) -> str:
    """Give the id by which the client names its request, if it is one, else a new one."""
    sent = request.query_params.get("client-request-id") or request.headers.get("client-request-id", "")
    try:
        return str(uuid.UUID(sent))
    except ValueError:
        return str(uuid.uuid4())
