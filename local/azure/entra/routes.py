"""login.microsoftonline.com."""

from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.azure.core.errors import ServiceFault
from local.azure.entra import assertions
from local.azure.entra.models import Directory

_LOGIN = "https://login.microsoftonline.com"


def make_login_app(directory: Directory) -> Starlette:
    """Make the web app of the login endpoints."""
    tenant = directory.authority.tenant_id

    async def get_configuration(request: Request) -> Response:
        """Give the OpenID configuration of a tenant, whichever is named.

        Leaves out: members that are about persons.
        """
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
        """Say which host names are Entra's."""
        metadata = {
            "preferred_network": "login.microsoftonline.com",
            "preferred_cache": "login.windows.net",
            "aliases": ["login.microsoftonline.com", "login.windows.net"],
        }
        endpoint = f"{_LOGIN}/common/.well-known/openid-configuration"
        return JSONResponse({"tenant_discovery_endpoint": endpoint, "api-version": "1.1", "metadata": [metadata]})

    async def get_keys(request: Request) -> Response:  # noqa: ARG001 - every tenant has the same answer
        """Give the public keys that tokens are signed with, the same for every tenant."""
        return JSONResponse(directory.authority.published_keys())

    async def post_token(request: Request) -> Response:
        """Sign an application in by its secret, by its certificate or by a federated assertion, and give a token.

        Leaves out: every grant but `client_credentials`.
        """
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        try:
            if request.path_params["tenant"].lower() != tenant:
                message = "AADSTS90002: Tenant not found."
                raise ServiceFault(400, "invalid_request", message)
            token = _sign_in(directory, form)
        except ServiceFault as fault:
            body = {"error": fault.code, "error_description": fault.message}
            return JSONResponse(body, status_code=fault.status)
        seconds = directory.token_seconds - 1
        answer = {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}
        return JSONResponse(answer)

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


def _sign_in(directory: Directory, form: dict[str, str]) -> str:
    """Sign a client in by its secret or by an assertion; raises ServiceFault with Entra's codes."""
    if form.get("grant_type") != "client_credentials":
        message = "AADSTS70003: The app requested an unsupported grant type."
        raise ServiceFault(400, "unsupported_grant_type", message)
    client_id, scope = form.get("client_id", ""), form.get("scope", "")
    if form.get("client_assertion_type") == assertions.TYPE:
        return directory.sign_in_by_assertion(client_id, form.get("client_assertion", ""), scope)
    return directory.sign_in(client_id, form.get("client_secret", ""), scope)
