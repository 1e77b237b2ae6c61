"""What Entra writes into access tokens and ID tokens, of applications and of persons.

Source: Microsoft identity platform, access token claims reference and ID token claims reference.
"""

import hashlib
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

Version = Literal[1, 2]
# A token of a principal in more groups names none: it says where to ask for them instead.
MAXIMUM_GROUPS: Final = 200


class Names(NamedTuple):
    """What a person is called: for people to read, not to decide by."""

    name: str
    username: str


@dataclass(frozen=True, kw_only=True)
class AccessToken:
    """An access token for an API: a person's if it has `names`, the application's own otherwise.

    An API asks for a version: 1.0 or 2.0. `scopes` are words with spaces between them; `seconds` is how long the token
    is valid, or, negative, how long ago it ended.
    """

    tenant_id: str
    audience: str
    object_id: str
    client_id: str
    roles: Sequence[str] = ()
    groups: Sequence[str] = ()
    scopes: str = ""
    names: Names | None = None
    version: Version = 1
    seconds: int = 3600

    def claims(self) -> dict[str, Any]:
        """Give the token's claims; those without a value are not there.

        Only an application's `sub` is its `oid`. A person's depends on the API; which letters it has is an assumption.
        That an application's token has `idtyp` is one, too: an API must ask for this claim, and ours is to.
        """
        person = self.names is not None
        claims = {
            "aud": self.audience,
            "iss": make_issuer(self.tenant_id, self.version),
            **_times(self.seconds),
            "idtyp": "" if person else "app",
            **_name_client(self.client_id, self.version, public=person),
            **_describe_groups(self.groups, self.object_id),
            **(_name_person(self.names, self.version) if self.names else {}),
            "oid": self.object_id,
            "roles": list(self.roles),
            "scp": self.scopes,
            "sub": make_pairwise_subject(self.audience, self.object_id) if person else self.object_id,
            "tid": self.tenant_id,
            "uti": uuid.uuid4().hex,
            "ver": f"{self.version}.0",
        }
        return {name: value for name, value in claims.items() if value}


@dataclass(frozen=True, kw_only=True)
class IdToken:
    """An ID token of version 2.0: who signed in to a client, and the nonce with which it asked."""

    tenant_id: str
    object_id: str
    client_id: str
    names: Names
    nonce: str = ""
    seconds: int = 3600

    def claims(self) -> dict[str, Any]:
        """Give the token's claims; `nonce` is there only if the client sent one."""
        return {
            "aud": self.client_id,
            "iss": make_issuer(self.tenant_id, 2),
            **_times(self.seconds),
            **_name_person(self.names, 2),
            **({"nonce": self.nonce} if self.nonce else {}),
            "oid": self.object_id,
            "sub": make_pairwise_subject(self.client_id, self.object_id),
            "tid": self.tenant_id,
            "uti": uuid.uuid4().hex,
            "ver": "2.0",
        }


def make_issuer(tenant_id: str, version: Version) -> str:
    """Give the issuer of a tenant's tokens of a version."""
    v1, v2 = f"https://sts.windows.net/{tenant_id}/", f"https://login.microsoftonline.com/{tenant_id}/v2.0"
    return v1 if version == 1 else v2


def make_pairwise_subject(audience: str, object_id: str) -> str:
    """Give the subject by which an application knows a person: the same in all of its tokens, another elsewhere."""
    application = audience.removeprefix("api://")
    return encode(hashlib.sha256(f"{application}|{object_id}".encode()).digest())


def encode(data: bytes) -> str:
    """Encode as tokens do (RFC 7515, section 2: base64url without padding)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _times(seconds: int) -> dict[str, int]:
    """Give `iat`, `nbf` and `exp`: a token that ended began before its end."""
    now = int(time.time())
    begin = now + min(seconds, 0) - 1
    return {"iat": begin, "nbf": begin, "exp": now + seconds}


def _name_client(client_id: str, version: Version, *, public: bool) -> dict[str, str]:
    """Name the client and how it proved itself: 0 not at all, 1 by a secret."""
    how = "0" if public else "1"
    return {"appid": client_id, "appidacr": how} if version == 1 else {"azp": client_id, "azpacr": how}


def _name_person(names: Names, version: Version) -> dict[str, str]:
    if version == 1:
        return {"name": names.name, "upn": names.username, "unique_name": names.username}
    return {"name": names.name, "preferred_username": names.username}


def _describe_groups(groups: Sequence[str], object_id: str) -> dict[str, Any]:
    """Name the groups, or, where there are too many, where Graph tells them."""
    if len(groups) <= MAXIMUM_GROUPS:
        return {"groups": list(groups)}
    endpoint = f"https://graph.microsoft.com/v1.0/users/{object_id}/getMemberObjects"
    return {"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": endpoint}}}
