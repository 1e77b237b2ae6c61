"""Client assertions: signed statements with which an application signs in instead of with a secret."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from local.azure.core.errors import ServiceFault

TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FEDERATED_AUDIENCE: Final = "api://AzureADTokenExchange"
# MSAL signs with PS256, older ones with RS256; Kubernetes and others that federate use RS256 or ES256.
_ALGORITHMS: Final = ["RS256", "PS256", "ES256"]


@dataclass(frozen=True)
class AssertionCredential:
    """Whose assertions an application signs in with, and the key that they are signed with.

    A federated credential names another issuer. A certificate's assertions are issued by the application itself, about
    itself, for the token endpoint.
    """

    issuer: str
    subject: str
    public_key_pem: str
    audience: str = FEDERATED_AUDIENCE


def check_assertion(assertion: str, credentials: Sequence[AssertionCredential]) -> None:
    """Refuse an assertion that no credential takes; raises ServiceFault 401 with Entra's codes."""
    try:
        claims: dict[str, Any] = jwt.decode(assertion, options={"verify_signature": False})
    except jwt.PyJWTError:
        raise _refuse("AADSTS50027: JWT token is invalid or malformed.") from None
    subject = str(claims.get("sub", ""))
    credential = next(
        (item for item in credentials if (item.issuer, item.subject) == (claims.get("iss"), subject)), None
    )
    if credential is None:
        message = (
            f"AADSTS700213: No matching federated identity record found for presented assertion subject '{subject}'."
        )
        raise _refuse(message)
    key: Any = load_pem_public_key(credential.public_key_pem.encode())
    try:
        jwt.decode(
            assertion, key, algorithms=_ALGORITHMS, audience=credential.audience, options={"require": ["exp", "sub"]}
        )
    except jwt.ExpiredSignatureError:
        raise _refuse("AADSTS700024: Client assertion is not within its valid time range.") from None
    except jwt.InvalidAudienceError:
        raise _refuse("AADSTS700212: No matching federated identity record found for presented audience.") from None
    except jwt.PyJWTError:
        raise _refuse("AADSTS700027: Client assertion failed signature validation.") from None


def _refuse(message: str) -> ServiceFault:
    return ServiceFault(401, "invalid_client", message)
