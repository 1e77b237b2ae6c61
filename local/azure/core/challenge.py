"""The door of Key Vault's data planes: the challenge that tells a client where to get a token, and for what."""

from typing import Any

from starlette.requests import Request

from local.azure.core.errors import ServiceFault
from local.azure.core.tokens import TokenAuthority


class Challenge:
    """What a request without a valid token is answered, before its body is read."""

    def __init__(self, authority: TokenAuthority, resource: str) -> None:
        self._authority = authority
        self._resource = resource

    def validate(self, request: Request, *, version_required: bool = True) -> dict[str, Any]:
        """Give the token's claims; raises ServiceFault: 401, or 400 where the API version is missing and required."""
        try:
            claims = self._authority.validate(request, [self._resource])
        except ServiceFault as fault:
            tenant = f"https://login.microsoftonline.com/{self._authority.tenant_id}"
            header = f'Bearer authorization="{tenant}", resource="{self._resource}"'
            # The body as recorded of the real service: two bytes for a GET, none for what changes something. Of a token
            # that is wrong it says what is wrong with it (source: Azure/azure-sdk-for-cpp issue 2750).
            challenge = b"OK" if request.method == "GET" else b""
            body = None if "authorization" in request.headers else challenge
            raise ServiceFault(401, "Unauthorized", fault.message, {"WWW-Authenticate": header}, body) from None
        if version_required and "api-version" not in request.query_params:
            raise ServiceFault(400, "BadParameter", "The api-version query parameter is required.")
        return claims
