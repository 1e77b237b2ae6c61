"""login.microsoftonline.com, and the identity endpoint of App Service."""

import secrets
import time
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.azure.core.errors import ServiceFault
from local.azure.entra.models import Application, Directory

_LOGIN = "https://login.microsoftonline.com"


def make_login_app(directory: Directory) -> Starlette:
    """Make the web app of the login endpoints."""
    tenant = directory.authority.tenant_id

    async def get_configuration(request: Request) -> Response:
        asked = request.path_params["tenant"]
        named = tenant if asked in ("common", "organizations") else asked
        base = f"{_LOGIN}/{named}"
        return JSONResponse(
            {
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "response_types_supported": ["code", "token"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def get_instance(request: Request) -> Response:  # noqa: ARG001 - every tenant has the same answer
        metadata = {
            "preferred_network": "login.microsoftonline.com",
            "preferred_cache": "login.windows.net",
            "aliases": ["login.microsoftonline.com", "login.windows.net"],
        }
        endpoint = f"{_LOGIN}/common/.well-known/openid-configuration"
        return JSONResponse({"tenant_discovery_endpoint": endpoint, "api-version": "1.1", "metadata": [metadata]})

    async def get_keys(request: Request) -> Response:  # noqa: ARG001 - every tenant has the same answer
        return JSONResponse(directory.authority.published_keys())

    async def post_token(request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        try:
            if request.path_params["tenant"].lower() != tenant:
                message = "AADSTS90002: Tenant not found."
                raise ServiceFault(400, "invalid_request", message)
            token = directory.sign_in(form.get("client_id", ""), form.get("client_secret", ""), form.get("scope", ""))
        except ServiceFault as fault:
            body = {"error": fault.code, "error_description": fault.message}
            return JSONResponse(body, status_code=fault.status)
        return JSONResponse({"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token})

    return Starlette(
        routes=[
            Route("/{tenant}/v2.0/.well-known/openid-configuration", get_configuration),
            Route("/{tenant}/.well-known/openid-configuration", get_configuration),
            Route("/common/discovery/instance", get_instance),
            Route("/{tenant}/discovery/v2.0/keys", get_keys),
            Route("/{tenant}/discovery/keys", get_keys),
            Route("/{tenant}/oauth2/v2.0/token", post_token, methods=["POST"]),
        ]
    )


def make_identity_route(directory: Directory, identity: Application, header: str) -> Route:
    """Make the managed identity endpoint of App Service, version 2019-08-01."""

    async def get_token(request: Request) -> Response:
        if not secrets.compare_digest(request.headers.get("x-identity-header", "").encode(), header.encode()):
            return JSONResponse({"statusCode": 401, "message": "wrong X-IDENTITY-HEADER"}, status_code=401)
        client_id = request.query_params.get("client_id", identity.client_id)
        resource = request.query_params.get("resource", "")
        try:
            if client_id != identity.client_id:
                raise ServiceFault(400, "invalid_request", "No managed identity was found for this app.")
            token = directory.issue(identity, resource)
        except ServiceFault as fault:
            return JSONResponse({"statusCode": fault.status, "message": fault.message}, status_code=fault.status)
        return JSONResponse(
            {
                "access_token": token,
                "expires_on": str(int(time.time()) + 3600),
                "resource": resource,
                "token_type": "Bearer",
                "client_id": client_id,
            }
        )

    return Route("/msi/token", get_token)
