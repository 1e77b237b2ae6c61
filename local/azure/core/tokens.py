"""Access tokens: signed as Entra signs them, and checked by every service."""

import time
import uuid
from collections.abc import Collection, Sequence
from typing import Any, Final, Literal

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.requests import Request

from local.azure.core.errors import ServiceFault

KEY_ID: Final = "local-azure-1"

# ARM's codes (source: hashicorp/go-azure-helpers issue 51 for the audience; for the time, scripts that look for it).
_CODES: Final[dict[type[jwt.PyJWTError], str]] = {
    jwt.InvalidAudienceError: "InvalidAuthenticationTokenAudience",
    jwt.ExpiredSignatureError: "ExpiredAuthenticationToken",
}


class TokenAuthority:
    """The tenant's signing keys: one published, one that nobody should trust."""

    def __init__(self, tenant_id: str) -> None:
        self.tenant_id = tenant_id
        self._published = rsa.generate_private_key(65537, 2048)
        self._unpublished = rsa.generate_private_key(65537, 2048)

    def published_keys(self) -> dict[str, Any]:
        """Give the key set of the discovery document's `jwks_uri`."""
        key = jwt.algorithms.RSAAlgorithm.to_jwk(self._published.public_key(), as_dict=True)
        return {"keys": [{**key, "kid": KEY_ID, "use": "sig", "alg": "RS256"}]}

    def sign(
        self,
        audience: str,
        object_id: str,
        application_id: str,
        roles: list[str],
        *,
        seconds: int = 3600,
        not_before: int = 0,
        tenant_id: str | None = None,
        issuer: str | None = None,
        person: bool = False,
        published: bool = True,
        groups: Sequence[str] = (),
        scopes: str | None = None,
        version: Literal[1, 2] = 1,
    ) -> str:
        """Sign a token with the claims that Entra puts into it; version 2 names the issuer and the client otherwise."""
        now = int(time.time())
        tenant = tenant_id or self.tenant_id
        claims: dict[str, Any] = {
            "aud": audience,
            "iss": issuer or _issuer(tenant, version),
            "iat": now + min(seconds, 0) - 1,
            "nbf": now + not_before - (1 if seconds > 0 else 3600),
            "exp": now + seconds,
            "tid": tenant,
            "oid": object_id,
            "sub": object_id,
            **({"appid": application_id, "appidacr": "1"} if version == 1 else {"azp": application_id, "azpacr": "1"}),
            "uti": uuid.uuid4().hex,
            "ver": f"{version}.0",
        }
        if roles:
            claims["roles"] = roles
        if groups:
            claims["groups"] = list(groups)
        if scopes:
            claims["scp"] = scopes
        if not person:
            claims["idtyp"] = "app"
        key = self._published if published else self._unpublished
        return jwt.encode(claims, key, algorithm="RS256", headers={"kid": KEY_ID})

    def validate(
        self, request: Request, audiences: list[str], *, other_tenants: Collection[str] = ()
    ) -> dict[str, Any]:
        """Check a request's token: signature, audience, times and tenant; raises ServiceFault 401."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise ServiceFault(401, "AuthenticationFailed", "Authentication failed.")
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._published.public_key(),
                algorithms=["RS256"],
                audience=audiences,
                issuer=[f"https://sts.windows.net/{tenant}/" for tenant in (self.tenant_id, *other_tenants)],
                options={"require": ["exp", "nbf", "iat", "tid", "oid"]},
            )
        except jwt.PyJWTError as error:
            code = _CODES.get(type(error), "InvalidAuthenticationToken")
            raise ServiceFault(401, code, f"The access token is invalid: {error}") from None
        if claims["iss"] != f"https://sts.windows.net/{claims['tid']}/":
            raise ServiceFault(401, "InvalidAuthenticationToken", "The access token's issuer is not of its tenant.")
        return claims


def _issuer(tenant: str, version: Literal[1, 2]) -> str:
    return f"https://sts.windows.net/{tenant}/" if version == 1 else f"https://login.microsoftonline.com/{tenant}/v2.0"
