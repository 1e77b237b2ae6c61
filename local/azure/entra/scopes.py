"""What a client asks for when a person signs in to it: OpenID Connect's own scopes, and those of one API.

Source: Microsoft identity platform, scopes and permissions (`.default`; a scope without an API is Graph's; of several
APIs the first counts).
"""

from dataclasses import dataclass
from typing import Final

from local.azure.core.errors import ServiceFault
from local.azure.entra.graph import AUDIENCE as GRAPH
from local.azure.entra.models import Api, Directory

OPENID_SCOPES: Final = frozenset({"openid", "profile", "email", "offline_access"})
_DEFAULT: Final = ".default"
# What `.default` gives of an API of Azure's own.
_IMPERSONATION: Final = "user_impersonation"


@dataclass(frozen=True)
class Asked:
    """OpenID Connect's scopes, and an API, as it was named, with its scopes."""

    openid: frozenset[str]
    resource: str
    scopes: tuple[str, ...]

    def describe(self) -> str:
        """Name the scopes of the API in full, as an answer does."""
        return " ".join(f"{self.resource}/{scope}" for scope in self.scopes)


def read_scopes(text: str, directory: Directory) -> Asked:
    """Read the parameter `scope`; raises ServiceFault with Entra's codes for APIs and scopes that there are not."""
    named = text.split()
    openid = frozenset(named) & OPENID_SCOPES
    pairs = [_split(scope) for scope in named if scope not in OPENID_SCOPES]
    if not pairs:
        # Without an API a client may ask Graph who signed in.
        return Asked(openid, GRAPH, tuple(sorted(openid - {"offline_access"})))
    resource = pairs[0][0]
    api = directory.find_api(resource)
    scopes = [scope for name, scope in pairs if name == resource]
    granted = dict.fromkeys(granted for scope in scopes for granted in _grant(api, scope))
    return Asked(openid, resource, tuple(granted))


def _split(scope: str) -> tuple[str, str]:
    resource, slash, name = scope.rpartition("/")
    return (resource, name) if slash else (GRAPH, name)


def _grant(api: Api, scope: str) -> list[str]:
    if scope == _DEFAULT:
        return sorted(api.scopes) or [_IMPERSONATION]
    if api.scopes and scope not in api.scopes:
        message = f"AADSTS650053: The application asked for scope '{scope}' that doesn't exist on the resource."
        raise ServiceFault(400, "invalid_client", message)
    return [scope]
