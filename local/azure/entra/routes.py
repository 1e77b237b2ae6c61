"""login.microsoftonline.com."""

from typing import Any, Final
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.azure.entra.scopes import OPENID_SCOPES
from local.azure.entra.sign_in import SignIns
from local.azure.entra.sign_in_routes import make_sign_in_routes
from local.azure.entra.token_routes import make_token_routes

_HOST: Final = "login.microsoftonline.com"
_ALIASES: Final = (_HOST, "login.windows.net", "login.microsoft.com", "sts.windows.net")
# What is public may be read by any page.
_ANY_ORIGIN: Final = {"Access-Control-Allow-Origin": "*"}


def make_login_app(sign_ins: SignIns) -> Starlette:
    """Make the web app of the login endpoints."""
    authority = sign_ins.directory.authority

    async def get_configuration(request: Request) -> Response:
        """Give the OpenID configuration of a tenant, whichever is named.

        Leaves out: what there is no endpoint for; the difference between the versions: version 2.0 is told of.
        """
        asked = request.path_params["tenant"]
        named = authority.tenant_id if asked in ("common", "organizations") else asked
        return JSONResponse(_describe_tenant(f"https://{_HOST}/{named}"), headers=_ANY_ORIGIN)

    async def get_instance(request: Request) -> Response:
        """Say which host names are Entra's, and where the tenant of an `authorization_endpoint` is described."""
        endpoint = urlsplit(request.query_params.get("authorization_endpoint", f"https://{_HOST}/common"))
        if endpoint.hostname not in _ALIASES:
            description = "AADSTS50049: Unknown or invalid instance."
            body = {"error": "invalid_instance", "error_description": description, "error_codes": [50049]}
            return JSONResponse(body, 400, _ANY_ORIGIN)
        tenant = endpoint.path.split("/")[1] or "common"
        metadata = {"preferred_network": _HOST, "preferred_cache": "login.windows.net", "aliases": list(_ALIASES)}
        document = f"https://{_HOST}/{tenant}/v2.0/.well-known/openid-configuration"
        body = {"tenant_discovery_endpoint": document, "api-version": "1.1", "metadata": [metadata]}
        return JSONResponse(body, headers=_ANY_ORIGIN)

    async def get_keys(request: Request) -> Response:  # noqa: ARG001 - every tenant has the same answer
        """Give the public keys that tokens are signed with, the same for every tenant.

        Leaves out: certificates and `x5t`.
        """
        return JSONResponse(authority.published_keys(), headers=_ANY_ORIGIN)

    return Starlette(
        routes=[
            Route("/{tenant}/v2.0/.well-known/openid-configuration", get_configuration),
            Route("/{tenant}/.well-known/openid-configuration", get_configuration),
            Route("/common/discovery/instance", get_instance),
            Route("/{tenant}/discovery/v2.0/keys", get_keys),
            Route("/{tenant}/discovery/keys", get_keys),
            *make_sign_in_routes(sign_ins),
            *make_token_routes(sign_ins),
        ]
    )


def _describe_tenant(base: str) -> dict[str, Any]:
    return {
        "issuer": f"{base}/v2.0",
        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
        "token_endpoint": f"{base}/oauth2/v2.0/token",
        "end_session_endpoint": f"{base}/oauth2/v2.0/logout",
        "jwks_uri": f"{base}/discovery/v2.0/keys",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "fragment"],
        "scopes_supported": sorted(OPENID_SCOPES),
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "nonce", "preferred_username", "name", "tid", "ver"],
        "request_uri_parameter_supported": False,
        "cloud_instance_name": "microsoftonline.com",
        "msgraph_host": "graph.microsoft.com",
    }
