"""Who is calling, settled in one place: a validated Entra access token becomes a `Caller`."""

import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal
from uuid import UUID

import azure.functions as func

from domain.caller import SCOPE, Caller
from domain.cloud import AUTHORITY
from domain.errors import ServiceError, service_error
from domain.settings import settings
from triggers.door.problems import Refusal

if TYPE_CHECKING:
    from jwt import PyJWK, PyJWKClient

_LEEWAY_SECONDS: Final = 60
_MAXIMUM_TOKEN: Final = 16_384
# How often keys are read again because a token names an unknown one: whoever sends such tokens makes us ask Entra.
_REFRESH_SECONDS: Final = 30.0


def authenticate(request: func.HttpRequest) -> Caller:
    """Validate the caller's access token.

    Raises ServiceError `unauthenticated` without a token that is valid here and now, `keys_unavailable` where Entra's
    published keys cannot be read. Source: Microsoft identity platform, access tokens, 'Validate tokens'.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not 0 < len(token) <= _MAXIMUM_TOKEN:
        raise _unauthenticated("The request has no bearer token.", challenge="Bearer")
    return _caller(_validate(token.strip()))


def require_role(caller: Caller, allowed: tuple[str, ...]) -> None:
    """Raise ServiceError `role_missing` unless the caller has one of these app roles."""
    if not caller.roles.intersection(allowed):
        raise service_error(
            "role_missing",
            f"The caller has none of the app roles {', '.join(allowed)}.",
            advice="Have an administrator assign the role in Entra, then get a new token.",
        )


def require_published_keys() -> None:
    """Raise ServiceError `keys_unavailable` unless tokens can be validated: by Entra's keys, kept for some minutes."""
    import jwt

    try:
        _published_keys().get_signing_keys()
    except jwt.PyJWTError:
        raise _keys_unavailable() from None


def _validate(token: str) -> dict[str, Any]:
    import jwt

    faults: dict[type[Exception], str] = {
        jwt.ExpiredSignatureError: "has expired",
        jwt.ImmatureSignatureError: "is not valid yet",
        jwt.InvalidAudienceError: "is for another audience",
        jwt.InvalidIssuerError: "is of another issuer",
        jwt.InvalidSignatureError: "was not signed by this tenant's Entra",
        jwt.InvalidKeyError: "was not signed by a key of this tenant's Entra",
        jwt.InvalidAlgorithmError: "is not signed as Entra signs",
        jwt.DecodeError: "is no token",
    }
    tenant = settings().tenant_id
    try:
        key = _find_key(str(jwt.get_unverified_header(token).get("kid")))
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            audience=[settings().api_audience, settings().api_audience.removeprefix("api://")],
            # Version 1 and version 2 tokens name their issuer differently; both are this tenant and no other.
            issuer=[f"https://sts.windows.net/{tenant}/", f"{AUTHORITY}/{tenant}/v2.0"],
            leeway=_LEEWAY_SECONDS,
            options={"require": ["exp", "nbf", "iat", "iss", "aud", "tid", "oid", "sub"]},
        )
    except jwt.PyJWKClientConnectionError:
        raise _keys_unavailable() from None
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        # Its text may repeat the token.
        words = next((words for kind, words in faults.items() if isinstance(error, kind)), "is not valid here")
        raise _unauthenticated(f"The access token {words}.") from None
    if str(claims["tid"]).lower() != tenant.lower():
        raise _unauthenticated("The access token is of another tenant.")
    return claims


def _caller(claims: dict[str, Any]) -> Caller:
    return Caller(
        tenant_id=str(claims["tid"]).lower(),
        object_id=_object_id(claims["oid"]),
        kind=_kind(claims),
        roles=_texts(claims.get("roles")),
        groups=frozenset(group.lower() for group in _texts(claims.get("groups"))),
    )


def _object_id(claim: object) -> str:
    try:
        return str(UUID(claim if isinstance(claim, str) else ""))
    except ValueError:
        raise _unauthenticated("The access token's oid is no object id.") from None


def _kind(claims: dict[str, Any]) -> Literal["application", "person"]:
    """Tell an application's token from a person's; whatever is neither (an ID token, say) is no access token.

    Only a token on behalf of a person has `scp`. An application's has `idtyp`, where that claim is asked for, and
    always its own object id as `sub` (source: Microsoft identity platform, access token claims reference).
    """
    scopes = claims.get("scp")
    if scopes is None and (claims.get("idtyp") == "app" or claims["sub"] == claims["oid"]):
        return "application"
    if isinstance(scopes, str) and SCOPE in scopes.split() and claims.get("idtyp") != "app":
        return "person"
    raise _unauthenticated(f"The access token is neither an application's nor a person's with the scope {SCOPE}.")


def _texts(values: object) -> frozenset[str]:
    return frozenset(value for value in values if isinstance(value, str)) if isinstance(values, list) else frozenset()


def _find_key(key_id: str) -> "PyJWK":
    """Find a published key; Entra rolls them, so an id that is unknown has them read again, but not all the time."""
    import jwt

    known = _published_keys()
    for refresh in (False, True):
        if refresh and not _may_refresh():
            break
        for key in known.get_signing_keys(refresh=refresh):
            if key.key_id == key_id:
                return key
    raise jwt.InvalidKeyError


def _may_refresh() -> bool:
    global _refreshed_at  # noqa: PLW0603 - it is the process's, like the keys
    now = time.monotonic()
    if now - _refreshed_at < _REFRESH_SECONDS:
        return False
    _refreshed_at = now
    return True


_refreshed_at = float("-inf")


@lru_cache(maxsize=1)
def _published_keys() -> "PyJWKClient":
    """Give the reader of the tenant's signing keys, which it keeps for some minutes."""
    from jwt import PyJWKClient

    return PyJWKClient(f"{AUTHORITY}/{settings().tenant_id}/discovery/v2.0/keys", timeout=10)


def _unauthenticated(message: str, challenge: str = 'Bearer error="invalid_token"') -> Refusal:
    """Refuse with the challenge of RFC 6750, section 3."""
    error = service_error("unauthenticated", message, advice=f"Get a token for {settings().api_audience}/.default.")
    return Refusal(error.detail, {"WWW-Authenticate": challenge})


def _keys_unavailable() -> ServiceError:
    return service_error(
        "keys_unavailable",
        "Entra's published keys cannot be read, so no token can be validated.",
        advice="Send the request again in a minute.",
        retryable=True,
        retry_after=30,
    )
