"""Who is calling, settled in one place: a validated Entra access token becomes a `Caller`."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import azure.functions as func

from domain.caller import READ_ROLE, REQUEST_ROLE, Caller
from domain.cloud import AUTHORITY
from domain.errors import service_error
from domain.settings import settings
from triggers.problems import Refusal

if TYPE_CHECKING:
    from jwt import PyJWKClient

_LEEWAY_SECONDS: Final = 60
_MAXIMUM_TOKEN: Final = 16_384


def authenticate(request: func.HttpRequest, *allowed: str) -> Caller:
    """Validate the caller's access token and require one of the app roles.

    Raises Refusal: 401 without a token that is valid here and now, 403 without a role, 503 where Entra's published
    keys cannot be read. Source: Microsoft identity platform, access tokens, 'Validate tokens'.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not 0 < len(token) <= _MAXIMUM_TOKEN:
        raise _unauthenticated("The request has no bearer token.")
    claims = _validate(token.strip())
    caller = _caller(claims)
    if not caller.roles.intersection(allowed):
        raise Refusal(
            403,
            service_error(
                "role_missing",
                f"The caller has none of the app roles {', '.join(allowed)}.",
                advice="Have an administrator assign the role in Entra, then get a new token.",
            ).detail,
        )
    return caller


def _validate(token: str) -> dict[str, Any]:
    import jwt

    tenant = settings().tenant_id
    try:
        key = _published_keys().get_signing_key_from_jwt(token)
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            audience=[settings().api_audience, settings().api_audience.removeprefix("api://")],
            # Version 1 and version 2 tokens name their issuer differently; both are this tenant and no other.
            issuer=[f"https://sts.windows.net/{tenant}/", f"{AUTHORITY}/{tenant}/v2.0"],
            leeway=_LEEWAY_SECONDS,
            options={"require": ["exp", "nbf", "iat", "iss", "aud", "tid", "oid"]},
        )
    except jwt.PyJWKClientConnectionError:
        raise _keys_unavailable() from None
    except (jwt.PyJWTError, ValueError) as error:
        # The type says enough (ExpiredSignatureError, InvalidAudienceError ...); its text may repeat the token.
        raise _unauthenticated(f"The access token is not valid here: {type(error).__name__}.") from None
    if str(claims["tid"]).lower() != tenant.lower():
        raise _unauthenticated("The access token is of another tenant.")
    return claims


def _caller(claims: dict[str, Any]) -> Caller:
    roles = claims.get("roles", [])
    return Caller(
        tenant_id=str(claims["tid"]).lower(),
        object_id=str(claims["oid"]).lower(),
        kind="application" if claims.get("idtyp") == "app" else "person",
        roles=frozenset(str(role) for role in roles) if isinstance(roles, list) else frozenset(),
    )


@lru_cache(maxsize=1)
def _published_keys() -> "PyJWKClient":
    """Read the tenant's signing keys, which Entra rolls; a key id that is unknown has them read again."""
    from jwt import PyJWKClient

    return PyJWKClient(f"{AUTHORITY}/{settings().tenant_id}/discovery/v2.0/keys", timeout=10)


def _unauthenticated(message: str) -> Refusal:
    error = service_error("unauthenticated", message, advice=f"Get a token for {settings().api_audience}/.default.")
    return Refusal(401, error.detail, {"WWW-Authenticate": "Bearer"})


def _keys_unavailable() -> Refusal:
    error = service_error(
        "keys_unavailable",
        "Entra's published keys cannot be read, so no token can be validated.",
        advice="Send the request again in a minute.",
        retryable=True,
    )
    return Refusal(503, error.detail, {"Retry-After": "30"})


def reader(request: func.HttpRequest) -> Caller:
    """Give the caller of a request that changes nothing."""
    return authenticate(request, READ_ROLE, REQUEST_ROLE)


def requester(request: func.HttpRequest) -> Caller:
    """Give the caller of a request that spends money."""
    return authenticate(request, REQUEST_ROLE)
