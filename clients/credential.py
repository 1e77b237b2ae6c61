"""The service's identity, and how its clients reach Azure."""

import base64
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from clients.azure_errors import our_errors
from domain.cloud import ARM_SCOPE
from domain.settings import settings

if TYPE_CHECKING:
    from azure.identity import ManagedIdentityCredential

# Every answer of Azure's is the orchestrator's business, which waits on durable timers; the SDK only reconnects, and
# reads again what is safe to read again. So a retry lives in one place, and a worker never sleeps through one.
RETRIES: Final[dict[str, Any]] = {"retry_total": 3, "retry_connect": 3, "retry_read": 1, "retry_status": 0}
NO_RETRIES: Final[dict[str, Any]] = {"retry_total": 0}


class OwnIdentity(NamedTuple):
    """Who the service is to Entra: what roles are assigned to, and what ARM writes into `systemData`."""

    object_id: str
    application_id: str


@lru_cache(maxsize=1)
def credential() -> "ManagedIdentityCredential":
    """Give the managed identity that the app runs as."""
    from azure.identity import ManagedIdentityCredential

    client_id = settings().identity_client_id
    return ManagedIdentityCredential(client_id=client_id) if client_id else ManagedIdentityCredential()


def require_token() -> None:
    """Raise ServiceError `azure_sign_in_failed` unless the identity has a token, or gets one."""
    with our_errors("sign the service's identity in"):
        credential().get_token(ARM_SCOPE)


@lru_cache(maxsize=1)
def own_identity() -> OwnIdentity:
    """Give the ids of the service's identity, from the claims `oid` and `appid` of its own access token.

    A setting could be wrong, and then the HSM would be made and could not be activated; Azure's word is not. The token
    comes from the identity endpoint itself, so its signature need not be checked.
    """
    with our_errors("sign the service's identity in"):
        token = credential().get_token(ARM_SCOPE).token
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return OwnIdentity(str(claims["oid"]).lower(), str(claims.get("appid") or claims.get("azp") or "").lower())
