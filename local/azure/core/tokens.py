"""Access tokens: signed as Entra signs them, and checked by every service."""

from collections.abc import Collection, Mapping
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.requests import Request

from local.azure.core.claims import make_issuer
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
        self.published = rsa.generate_private_key(65537, 2048)
        self.unpublished = rsa.generate_private_key(65537, 2048)

    def published_keys(self) -> dict[str, Any]:
        """Give the key set of the discovery document's `jwks_uri`; like Entra's it names no algorithm."""
        key = jwt.algorithms.RSAAlgorithm.to_jwk(self.published.public_key(), as_dict=True)
        key.pop("key_ops")
        return {"keys": [{**key, "kid": KEY_ID, "use": "sig"}]}

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Sign claims with the published key."""
        return jwt.encode(dict(claims), self.published, algorithm="RS256", headers={"kid": KEY_ID})

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
                self.published.public_key(),
                algorithms=["RS256"],
                audience=audiences,
                issuer=[make_issuer(tenant, 1) for tenant in (self.tenant_id, *other_tenants)],
                options={"require": ["exp", "nbf", "iat", "tid", "oid"]},
            )
        except jwt.PyJWTError as error:
            code = _CODES.get(type(error), "InvalidAuthenticationToken")
            raise ServiceFault(401, code, f"The access token is invalid: {error}") from None
        if claims["iss"] != make_issuer(claims["tid"], 1):
            raise ServiceFault(401, "InvalidAuthenticationToken", "The access token's issuer is not of its tenant.")
        return claims
